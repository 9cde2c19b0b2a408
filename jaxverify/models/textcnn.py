"""TextCNN (Kim 2014)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from jaxverify.layers import Conv


class TextCNN(nn.Module):
    num_classes: int
    vocab_size: int = 10_000

    @nn.compact
    def __call__(self, x: Int[Array, "b length"], train: bool = False):
        x = nn.Embed(self.vocab_size, 100)(x)
        x = jnp.concatenate([jnp.max(nn.relu(Conv(100, (w,), padding="VALID")(x)), axis=1)
                             for w in (3, 4, 5)], axis=-1)
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(self.num_classes)(x)
