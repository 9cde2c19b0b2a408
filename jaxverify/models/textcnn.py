"""TextCNN (Kim, 2014)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from jaxverify.layers import Conv


class TextCNN(nn.Module):
    """100 filters of each width over the words, the strongest answer of each, a dense layer.

    Padding is read like a word: it has an embedding, and nothing masks it.

    Attributes:
        num_classes: C.
        vocab_size: the number of token ids.
    """

    num_classes: int
    vocab_size: int

    @nn.compact
    def __call__(
        self, x: Int[Array, "n length"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of token ids; with ``train`` a "dropout" key is wanted."""
        x = nn.Embed(self.vocab_size, 100)(x)
        # The maximum first: it commutes with the ReLU and leaves less to compute.
        strongest = [Conv(100, (width,), padding="VALID")(x).max(axis=1) for width in (3, 4, 5)]
        x = nn.relu(jnp.concatenate(strongest, axis=-1))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(self.num_classes)(x)
