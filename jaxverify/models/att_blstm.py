"""Attention over a bidirectional LSTM (Zhou et al. 2016)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from jaxverify.layers import LSTM


class AttBLSTM(nn.Module):
    num_classes: int
    vocab_size: int = 10_000

    @nn.compact
    def __call__(self, x: Int[Array, "b length"], train: bool = False):
        x = nn.Embed(self.vocab_size, 100)(x)
        for _ in range(2):
            x = jnp.concatenate([LSTM(128)(x), LSTM(128, reverse=True)(x)], axis=-1)
        score = nn.Dense(1, use_bias=False)(jnp.tanh(x))
        weight = nn.softmax(score, axis=1)
        x = jnp.tanh(jnp.sum(weight * x, axis=1))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(self.num_classes)(x)
