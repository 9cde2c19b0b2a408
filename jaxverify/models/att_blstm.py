"""Attention over a bidirectional LSTM (Zhou et al., 2016)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, Int

from jaxverify.layers import LSTM, bidirectional


class AttBLSTM(nn.Module):
    """Two bidirectional LSTM layers of 128, and a weighted mean over the words.

    The weights are ``softmax(tanh(H) w)`` with one learnt vector w. Padding is read like a word:
    it has an embedding, and nothing masks it.

    Attributes:
        num_classes: C.
        vocab_size: the number of token ids.
        dropout: the share of the last features that is left out in training.
        dtype: of the attention alone; embedding, LSTM and last layer compute in float32.
    """

    num_classes: int
    vocab_size: int
    dropout: float = 0.5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Int[Array, "n length"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of token ids; with ``train`` a "dropout" key is wanted."""
        x = nn.Embed(self.vocab_size, 100)(x)
        for _ in range(2):
            x = bidirectional(LSTM(128), LSTM(128, reverse=True), x)
        x = x.astype(self.dtype)
        scores = nn.Dense(1, use_bias=False, dtype=self.dtype)(jnp.tanh(x))
        weights = nn.softmax(scores, axis=1)
        x = jnp.tanh(jnp.sum(weights * x, axis=1))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
