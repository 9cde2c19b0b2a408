"""What a ghost pass needs of an LSTM: the gradient of its gates at every step of time.

The kernels' gradients are sums over time of what a step read times its gates' gradient. The layer
itself adds these sums up over the samples and shows neither, so the recurrence is written here
once more, and ends where the gates' gradient is known.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Steps = Float[Array, "time b gates"]
Hidden = Float[Array, "time b h"]
Kernel = Float[Array, "h gates"]
Kept = tuple[Hidden, Hidden, Steps]


def forward(gates: Steps, kernel: Kernel, *, reverse: bool) -> tuple[Hidden, Kept]:
    """The hidden state after every step, and what :func:`backward` needs.

    Args:
        gates: inputs times their kernel plus bias, for the gates i, f, g and o in this order.
        kernel: from the hidden state to the gates, in the same order.
        reverse: whether time runs backwards; the outputs stay in the order of the inputs.
    """

    def step(carry: tuple[Array, Array], gates: Array) -> tuple[tuple[Array, Array], tuple]:
        hidden, before = carry
        i, f, g, o = jnp.split(gates + hidden @ kernel, 4, axis=-1)
        i, f, g, o = nn.sigmoid(i), nn.sigmoid(f), jnp.tanh(g), nn.sigmoid(o)
        cell = f * before + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, before, cell, jnp.concatenate([i, f, g, o], axis=-1))

    start = jnp.zeros((gates.shape[1], kernel.shape[0]), gates.dtype)
    _, (hidden, *kept) = lax.scan(step, (start, start), gates, reverse=reverse)
    return hidden, tuple(kept)


def backward(kept: Kept, kernel: Kernel, g_hidden: Hidden, *, reverse: bool) -> Steps:
    """The gradient of the gates, from that of the hidden states."""
    transposed = lax.optimization_barrier(kernel.T)  # or it is transposed at every step

    def step(carry: tuple[Array, Array], at_step: tuple) -> tuple[tuple[Array, Array], Array]:
        g_next, g_cell = carry
        before, cell, activations, g_hidden = at_step
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

    start = jnp.zeros_like(g_hidden[0])
    _, g_gates = lax.scan(step, (start, start), (*kept, g_hidden), reverse=not reverse)
    return g_gates
