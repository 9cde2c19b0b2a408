"""A recurrent layer."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


class LSTM(nn.Module):
    """An LSTM over ``[batch, time, features]``, with Flax's own cell and one bias a gate.

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
        return jnp.asarray(nn.RNN(cell, reverse=self.reverse, keep_order=True)(x))
