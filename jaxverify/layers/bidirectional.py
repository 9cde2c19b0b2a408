"""Two LSTMs over the same sequence, one in each direction: by cuDNN on an NVIDIA GPU.

There a scan is many small kernels a step, one after the other; cuDNN runs both directions at once.
It takes float32, and its gradient cannot be differentiated again.
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jax.experimental import rnn
from jax.extend.backend import get_backend
from jaxtyping import Array, DTypeLike, Float

from jaxverify.layers.lstm import LSTM, stacked

# Of JAX's function: layers, dropout, both directions, and the precision that JAX is set to.
_ONE_LAYER = (1, 0.0, True, None)
_scan_is_wanted = ContextVar("_scan_is_wanted", default=False)


@contextlib.contextmanager
def by_scan() -> Iterator[None]:
    """A context in which LSTMs are scans, for code that needs the gates of every step."""
    token = _scan_is_wanted.set(True)
    try:
        yield
    finally:
        _scan_is_wanted.reset(token)


def bidirectional(
    forward: LSTM, backward: LSTM, x: Float[Array, "b time c"]
) -> Float[Array, "b time two_h"]:
    """The hidden states of both, one beside the other.

    Guarantee: outputs and gradients are those of ``concatenate([forward(x), backward(x)], -1)``, up
    to the rounding of the precision in which the backend multiplies (TF32 by default on a GPU).

    Args:
        forward: a bound module, as inside its parent.
        backward: another with as many features, and ``reverse=True``.
        x: the inputs.
    """
    if forward.is_initializing() or not by_cudnn(x.dtype):
        return jnp.concatenate([forward(x), backward(x)], axis=-1)
    cells = [each.variables["params"]["cell"] for each in (forward, backward)]
    return jnp.asarray(_cudnn(x, pack(*cells), forward.features))


def by_cudnn(dtype: DTypeLike) -> bool:
    """Whether cuDNN is available for ``dtype``, and no scan is asked for.

    On several GPUs each of them computes the layer for the whole batch, which XLA cannot divide.
    """
    if jax.default_backend() != "gpu" or dtype != jnp.float32 or _scan_is_wanted.get():
        return False
    if getattr(jax.config, "jax_default_matmul_precision", None) in ("default", "bfloat16"):
        return False  # which JAX does not hand on to cuDNN
    return "cuda" in get_backend().platform_version


def pack(forward: Mapping[str, Any], backward: Mapping[str, Any]) -> Float[Array, " n"]:
    """The parameters of two cells as cuDNN reads them: kernels of both, then biases of both.

    cuDNN has a second bias a gate, which is zero. Its gates stand in our order: i, f, g, o.
    """
    kernels, biases = [], []
    for cell in (forward, backward):
        kernel, bias = stacked(dict(cell))
        channels = len(kernel) - len(bias) // 4
        kernels += [kernel[:channels].T.ravel(), kernel[channels:].T.ravel()]
        biases += [bias, jnp.zeros_like(bias)]
    return jnp.concatenate([*kernels, *biases])


# vmap has no rule for the calls of cuDNN: each of them is made once for every part mapped over.


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _cudnn(x: Array, weights: Array, features: int) -> Float[Array, "b time two_h"]:
    return _cudnn_forward(x, weights, features)[0]


def _cudnn_forward(x: Array, weights: Array, features: int) -> tuple[Array, Any]:
    @sequential_vmap
    def run(x: Array, weights: Array) -> tuple[Array, Any]:
        start = jnp.zeros((2, len(x), features), x.dtype)
        lengths = jnp.full(len(x), x.shape[1], jnp.int32)
        outputs, kept = rnn.lstm_fwd(
            x, start, start, weights, lengths, x.shape[-1], features, *_ONE_LAYER
        )
        return outputs[0], kept

    return run(x, weights)


def _cudnn_backward(features: int, kept: Any, g: Array) -> tuple[Array, Array]:
    @sequential_vmap
    def run(kept: Any, g: Array) -> tuple[Array, Array]:
        nothing = jnp.zeros((2, len(g), features), g.dtype)  # the last states are not used
        channels = kept[0].shape[-1]
        to_x, _, _, to_weights, _ = rnn.lstm_bwd(
            channels, features, *_ONE_LAYER, kept, (g, nothing, nothing)
        )
        return to_x, to_weights

    return run(kept, g)


_cudnn.defvjp(_cudnn_forward, _cudnn_backward)
