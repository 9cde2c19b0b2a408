"""What training saves: a pytree that knows how to answer and which extra task it was given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax

from jaxverify.task.extra_task import ExtraTask


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainedModel:
    """A model as :func:`jaxverify.verify` takes it: the arrays vary, the rest is static.

    Because the static part is compared for equality, checkpoints of one run can be stacked with
    ``jax.tree.map(lambda *a: jnp.stack(a), *models)`` and verified under one :func:`jax.vmap`.

    Attributes:
        variables: the arrays that ``apply`` takes: parameters and frozen batch statistics.
        apply: ``apply(variables, features) -> logits [n, num_classes]`` in inference mode;
            hashable and comparable by value.
        task: the extra task in the training set, or None for a baseline without one.
    """

    variables: Any
    apply: Callable[[Any, jax.Array], jax.Array] = field(metadata={"static": True})
    task: ExtraTask | None = field(default=None, metadata={"static": True})
