"""What a ghost pass needs of an LSTM: the gradient of its gates at every step of time.

The kernels' gradients are sums over time of what a step read times its gates' gradient. The layer
itself adds these sums up over the samples and shows neither, so the recurrence is written here
once more, and ends where the gates' gradient is known.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Steps = Float[Array, "time b gates"]
Hidden = Float[Array, "time b h"]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def recurrence(gates: Steps, kernel: Float[Array, "h gates"], reverse: bool) -> Hidden:
    """The hidden state after every step, from what the inputs contribute to the gates.

    Its gradient by ``kernel`` is left out.

    Args:
        gates: inputs times their kernel plus bias, for the gates i, f, g and o in this order.
        kernel: from the hidden state to the gates, in the same order.
        reverse: whether time runs backwards; the outputs stay in the order of the inputs.
    """
    return _forward(gates, kernel, reverse)[0]


def _forward(gates: Steps, kernel: Array, reverse: bool) -> tuple[Hidden, tuple[Array, ...]]:
    def step(carry: tuple[Array, Array], gates: Array) -> tuple[tuple[Array, Array], tuple]:
        hidden, before = carry
        i, f, g, o = jnp.split(gates + hidden @ kernel, 4, axis=-1)
        i, f, g, o = nn.sigmoid(i), nn.sigmoid(f), jnp.tanh(g), nn.sigmoid(o)
        cell = f * before + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, before, cell, jnp.concatenate([i, f, g, o], axis=-1))

    start = jnp.zeros((gates.shape[1], kernel.shape[0]), gates.dtype)
    _, (hidden, *kept) = lax.scan(step, (start, start), gates, reverse=reverse)
    return hidden, (kernel, *kept)


def _backward(reverse: bool, kept: tuple[Array, ...], g_hidden: Hidden) -> tuple[Steps, None]:
    kernel, *steps = kept
    transposed = lax.optimization_barrier(kernel.T)  # or it is transposed at every step

    def step(carry: tuple[Array, Array], kept: tuple) -> tuple[tuple[Array, Array], Array]:
        g_next, g_cell = carry
        before, cell, activations, g_hidden = kept
        i, f, g, o = jnp.split(activations, 4, axis=-1)
        g_hidden, squashed = g_hidden + g_next, jnp.tanh(cell)
        g_cell = g_cell + g_hidden * o * (1 - squashed**2)
        g_gates = jnp.concatenate(
            [
                g_cell * g * i * (1 - i),
                g_cell * before * f * (1 - f),
                g_cell * i * (1 - g**2),
                g_hidden * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        return (g_gates @ transposed, g_cell * f), g_gates

    start = jnp.zeros_like(steps[0][0])
    _, g_gates = lax.scan(step, (start, start), (*steps, g_hidden), reverse=not reverse)
    return g_gates, None


recurrence.defvjp(_forward, _backward)
