"""A recurrent layer, and the recurrence in it with a gradient of its own.

``jax.grad`` of a scan adds to the kernel's gradient at every step. Here the backward scan leaves
the gradient of every step's gates, and that of the kernel is one matrix product at the end.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

GATES = "ifgo"


class LSTM(nn.Module):
    """An LSTM over ``[batch, time, channels]``, with one bias a gate.

    Guarantee: parameters (those of Flax's cell, under "cell"), outputs and gradients are those of
    ``flax.linen.RNN(flax.linen.OptimizedLSTMCell(features))`` up to rounding, in any mix of dtypes:
    of less than float32 the outputs are float32, as there.

    Attributes:
        features: of the hidden state.
        reverse: whether time runs backwards; the outputs stay in the order of the inputs.
    """

    features: int
    reverse: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b time c"]) -> Float[Array, "b time h"]:
        """The hidden state after every step."""
        cell = nn.OptimizedLSTMCell(self.features, name="cell")
        if self.is_initializing():
            start = jnp.zeros((len(x), self.features), x.dtype)
            cell((start, start), x[:, 0])
        kernel, bias = stacked(self.variables["params"]["cell"])
        return recurrence(x, kernel, bias, reverse=self.reverse)


def stacked(cell: dict) -> tuple[Float[Array, "c_and_h gates"], Float[Array, " gates"]]:
    """One kernel for input and hidden state together, and one bias, from a cell's parameters."""
    inputs = jnp.concatenate([cell[f"i{gate}"]["kernel"] for gate in GATES], axis=1)
    hidden = jnp.concatenate([cell[f"h{gate}"]["kernel"] for gate in GATES], axis=1)
    bias = jnp.concatenate([cell[f"h{gate}"]["bias"] for gate in GATES])
    return jnp.concatenate([inputs, hidden]), bias


def recurrence(
    x: Float[Array, "b time c"],
    kernel: Float[Array, "c_and_h gates"],
    bias: Float[Array, " gates"],
    *,
    reverse: bool = False,
) -> Float[Array, "b time h"]:
    """The hidden state after every step of an LSTM that starts at zero.

    Args:
        x: the inputs.
        kernel: from input and hidden state to the gates i, f, g and o.
        bias: of the gates.
        reverse: whether time runs backwards; the outputs stay in the order of the inputs.
    """
    x, kernel, bias = promoted(x, kernel, bias)
    hidden = jnp.asarray(_recurrence(jnp.swapaxes(x, 0, 1), kernel, bias, reverse))
    return jnp.swapaxes(hidden, 0, 1)


def promoted(*arrays: Array) -> list[Array]:
    """In the dtype of the computation: their common one, but as in Flax's cell at least float32."""
    dtype = jnp.result_type(*arrays, jnp.float32)
    return [array.astype(dtype) for array in arrays]


Inputs = Float[Array, "time b c"]
Hidden = Float[Array, "time b h"]
Steps = Float[Array, "time b gates"]
Carry = tuple[Array, Array]  # the hidden state and the cell's


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _recurrence(x: Inputs, kernel: Array, bias: Array, reverse: bool) -> Hidden:
    return forward(x, kernel, bias, reverse)[0]


def forward(x: Inputs, kernel: Array, bias: Array, reverse: bool) -> tuple[Hidden, tuple]:
    """The hidden states, time first, and what :func:`backward` needs."""

    def step(carry: Carry, x: Array) -> tuple[Carry, tuple[Array, Array, list[Array]]]:
        hidden, cell = carry
        before = jnp.concatenate([x, hidden], axis=1) @ kernel + bias[None]
        # Held fast: XLA would compute them again for each of their uses.
        gates = lax.optimization_barrier(_activate(before))
        i, f, g, o = gates
        after = f * cell + i * g
        hidden = o * jnp.tanh(after)
        return (hidden, after), (hidden, cell, gates)

    start = jnp.zeros((x.shape[1], kernel.shape[1] // 4), x.dtype)
    (_, last), (hidden, cells, gates) = lax.scan(step, (start, start), x, reverse=reverse)
    return hidden, (x, kernel, hidden, cells, last, gates)


def backward(reverse: bool, kept: tuple, g: Hidden) -> tuple[Inputs, Steps]:
    """From the hidden states' gradient that of the inputs, and of the gates before activation."""
    x, kernel, _, cells, last, gates = kept
    channels = x.shape[2]
    transposed = lax.optimization_barrier(kernel.T)

    def step(carry: tuple, now: tuple) -> tuple[tuple, tuple[Array, Array]]:
        to_hidden, to_cell, after = carry
        g, cell, (i, f, candidate, o) = now
        to_hidden += g
        activated = jnp.tanh(after)
        to_cell += to_hidden * o * (1 - activated * activated)
        to_gates = [
            to_cell * candidate * i * (1 - i),
            to_cell * cell * f * (1 - f),
            to_cell * i * (1 - candidate * candidate),
            to_hidden * activated * o * (1 - o),
        ]
        before = jnp.concatenate(to_gates, axis=1)
        both = before @ transposed
        return (both[:, channels:], to_cell * f, cell), (before, both[:, :channels])

    zero = jnp.zeros_like(last)
    to_all = (g, cells, gates)
    _, (before, to_x) = lax.scan(step, (zero, zero, last), to_all, reverse=not reverse)
    return to_x, before


def read(reverse: bool, kept: tuple) -> tuple[Inputs, Hidden]:
    """What the gates read at every step: the input, and the hidden state of the step before."""
    x, _, hidden, *_ = kept
    start = jnp.zeros_like(hidden[:1])
    return x, jnp.concatenate([hidden[1:], start] if reverse else [start, hidden[:-1]])


def _backward(reverse: bool, kept: tuple, g: Hidden) -> tuple[Inputs, Array, Array]:
    to_x, before = backward(reverse, kept, g)
    # The product with a transpose that is written out is the faster one.
    columns = [lax.optimization_barrier(jnp.moveaxis(part, 2, 0)) for part in read(reverse, kept)]
    to_kernel = jnp.concatenate([jnp.einsum("ctb,tbg->cg", part, before) for part in columns])
    return to_x, to_kernel, jnp.sum(before, axis=(0, 1))


_recurrence.defvjp(forward, _backward)


def _activate(before: Array) -> list[Array]:
    i, f, g, o = jnp.split(before, 4, axis=1)
    return [_sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)]


def _sigmoid(x: Array) -> Array:
    return 0.5 * jnp.tanh(0.5 * x) + 0.5  # a CPU computes tanh faster than exp
