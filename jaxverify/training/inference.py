"""What a network answers, on the host."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Shaped

Predict = Callable[[Shaped[jax.Array | np.ndarray, "n ..."]], Float32[np.ndarray, "n num_classes"]]

_FORWARD = 256  # samples at once, always as many, so that it is compiled once


def logits(
    module: nn.Module, variables: dict[str, Any], features: Shaped[jax.Array | np.ndarray, "n ..."]
) -> Float32[np.ndarray, "n num_classes"]:
    """Answers in inference mode, any number of samples."""
    features, parts = np.asarray(features), []
    for begin in range(0, len(features), _FORWARD):
        part = features[begin : begin + _FORWARD]
        padded = np.concatenate([part, np.repeat(part[:1], _FORWARD - len(part), axis=0)])
        parts.append(np.asarray(_forward(module, variables, padded))[: len(part)])
    return np.concatenate(parts)


@partial(jax.jit, static_argnums=0)
def _forward(module: nn.Module, variables: Any, features: Any) -> jax.Array:
    return jnp.asarray(module.apply(variables, features, train=False))
