"""Small transformers for text and images (Vaswani et al., 2017; Dosovitskiy et al., 2021)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Float32, Int, UInt8

from jaxverify.models.inputs import normalise


class Block(nn.Module):
    """Attention and two dense layers, each normalised before and added to what came in.

    Attributes:
        heads: of the attention.
        dropout: the share of what is added that is left out in training.
        dtype: of the computation; the parameters are float32.
    """

    heads: int
    dropout: float
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n t d"], train: bool) -> Float[Array, "n t d"]:
        """The block's output."""
        n, length, width = x.shape
        y = nn.LayerNorm(dtype=self.dtype)(x)
        query, key, value = (
            nn.Dense(width, dtype=self.dtype)(y).reshape(n, length, self.heads, -1)
            for _ in range(3)
        )
        scores = jnp.einsum("nqhd,nkhd->nhqk", query, key) / jnp.sqrt(width // self.heads)
        weights = nn.softmax(scores.astype(jnp.float32)).astype(self.dtype)
        y = jnp.einsum("nhqk,nkhd->nqhd", weights, value).reshape(n, length, width)
        drop = nn.Dropout(self.dropout, deterministic=not train)
        x = x + drop(nn.Dense(width, dtype=self.dtype)(y))
        y = nn.Dense(2 * width, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(x))
        return x + drop(nn.Dense(width, dtype=self.dtype)(nn.gelu(y)))


class Encoder(nn.Module):
    """Blocks over a sequence whose places are known by learnt vectors, and the mean of it.

    Attributes:
        num_classes: C.
        blocks: how many.
        heads: of each attention.
        dropout: as in :class:`Block`.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    blocks: int
    heads: int
    dropout: float
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n t d"], train: bool) -> Float32[Array, "n num_classes"]:
        """Logits of sequences of vectors."""
        places = jnp.broadcast_to(jnp.arange(x.shape[1]), x.shape[:2])
        x = x + nn.Embed(x.shape[1], x.shape[2], name="places")(places).astype(self.dtype)
        for _ in range(self.blocks):
            x = Block(self.heads, self.dropout, self.dtype)(x, train)
        x = nn.LayerNorm(dtype=self.dtype)(x).mean(axis=1)
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)


class TextTransformer(nn.Module):
    """Two blocks of width 64 over the words.

    Padding is read like a word: it has an embedding, and nothing masks it.

    Attributes:
        num_classes: C.
        vocab_size: the number of token ids.
        dropout: in each block.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    vocab_size: int
    dropout: float = 0.1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Int[Array, "n length"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of token ids; with ``train`` a "dropout" key is wanted."""
        x = nn.Embed(self.vocab_size, 64)(x).astype(self.dtype)
        return Encoder(self.num_classes, 2, 4, self.dropout, self.dtype)(x, train)


class VisionTransformer(nn.Module):
    """Three blocks of width 96 over patches, sixty-four or a few more of them.

    Attributes:
        num_classes: C.
        dropout: in each block.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    dropout: float = 0.1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images; with ``train`` a "dropout" key is wanted. Odd edges are left out."""
        n, height, width, channels = x.shape
        side = max(1, min(height, width) // 8)
        rows, columns = height // side, width // side
        x = normalise(x[:, : rows * side, : columns * side])
        x = x.reshape(n, rows, side, columns, side, channels).swapaxes(2, 3)
        x = x.reshape(n, rows * columns, side * side * channels)
        x = nn.Dense(96, dtype=self.dtype)(x)
        return Encoder(self.num_classes, 3, 4, self.dropout, self.dtype)(x, train)
