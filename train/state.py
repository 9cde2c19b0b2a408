"""The explicit state of a run: all that a step reads and writes."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Tally(NamedTuple):
    """Sums over the training samples seen since the last evaluation."""

    loss: jax.Array
    correct: jax.Array
    samples: jax.Array

    @classmethod
    def zero(cls) -> "Tally":
        """Nothing seen yet."""
        return cls(jnp.float32(0), jnp.int32(0), jnp.int32(0))


class State(NamedTuple):
    """A pytree; checkpointed as a whole, so that a resumed run is the same run.

    Attributes:
        step: int32, steps taken.
        params: the trained parameters.
        statistics: what the model keeps beside them: BatchNorm's running averages, or nothing.
        opt_state: the optimizer's.
        tally: training metrics under way.
    """

    step: jax.Array
    params: Any
    statistics: Any
    opt_state: optax.OptState
    tally: Tally

    @property
    def variables(self) -> dict[str, Any]:
        """What ``module.apply`` takes."""
        return {"params": self.params, **self.statistics}

    def with_empty_tally(self) -> "State":
        """The same state, with nothing seen yet since the last evaluation."""
        return self._replace(tally=jax.tree.map(jnp.zeros_like, self.tally))


def init_state(
    key: jax.Array, module: nn.Module, optimizer: optax.GradientTransformation, example: Any
) -> State:
    """The state before the first step.

    Args:
        key: of the initial parameters.
        module: the network.
        optimizer: its optimizer.
        example: one batch of features; its shape and dtype count alone.
    """

    @jax.jit  # one program, not one for each shape of a parameter
    def initial(key: jax.Array, example: Any) -> State:
        variables = dict(module.init(key, example))
        params = variables.pop("params")
        return State(jnp.int32(0), params, variables, optimizer.init(params), Tally.zero())

    return initial(key, example)
