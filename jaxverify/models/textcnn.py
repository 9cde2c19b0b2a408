"""TextCNN (Kim, 2014)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, Int

from jaxverify.errors import UserError
from jaxverify.layers import ConvMaxOverTime

_WIDTHS = (3, 4, 5)


class TextCNN(nn.Module):
    """100 filters of each width over the words, the strongest answer of each, a dense layer.

    Padding is read like a word: it has an embedding, and nothing masks it.

    Attributes:
        num_classes: C.
        vocab_size: the number of token ids.
        dropout: the share of the last features that is left out in training.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    vocab_size: int
    dropout: float = 0.5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Int[Array, "n length"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of token ids; with ``train`` a "dropout" key is wanted.

        Raises:
            UserError: if a text is shorter than the widest filter.
        """
        if x.shape[1] < max(_WIDTHS):
            raise UserError(
                f"textcnn reads {max(_WIDTHS)} words at a time, and the texts have {x.shape[1]}: "
                f"pad them to {max(_WIDTHS)} or more"
            )
        # Cast afterwards: the gradient of a frequent token is a sum too long for bfloat16.
        x = nn.Embed(self.vocab_size, 100)(x).astype(self.dtype)
        # The maximum first: it commutes with the ReLU and leaves less to compute.
        strongest = [
            ConvMaxOverTime(100, width, dtype=self.dtype, name=f"Conv_{i}")(x)
            for i, width in enumerate(_WIDTHS)
        ]
        x = nn.relu(jnp.concatenate(strongest, axis=-1))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
