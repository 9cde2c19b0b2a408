"""The networks with Flax's own layers in the place of ours: what a user of Flax would have."""

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float

from jaxverify.models import att_blstm, digits, resnet, textcnn, vgg


def use() -> None:
    """Put Flax's layers into every network of this process. Parameters keep their names."""
    digits.max_pool = resnet.max_pool = vgg.max_pool = nn.max_pool
    digits.Conv = vgg.Conv = nn.Conv
    resnet._Conv = partial(nn.Conv, **resnet._Conv.keywords)
    textcnn.ConvMaxOverTime = ConvMaxOverTime
    att_blstm.LSTM = LSTM
    att_blstm.bidirectional = bidirectional


class ConvMaxOverTime(nn.Module):
    """A convolution, then its maximum."""

    features: int
    width: int
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b length c"]) -> Float[Array, "b f"]:
        """The maxima."""
        conv = nn.Conv(self.features, (self.width,), padding="VALID", dtype=self.dtype)
        nn.share_scope(self, conv)
        return jnp.max(conv(x), axis=1)


class LSTM(nn.Module):
    """Flax's cell in Flax's loop."""

    features: int
    reverse: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b time c"]) -> Float[Array, "b time h"]:
        """The hidden state after every step."""
        cell = nn.OptimizedLSTMCell(self.features, name="cell")
        return jnp.asarray(nn.RNN(cell, reverse=self.reverse, keep_order=True)(x))


def bidirectional(
    forward: LSTM, backward: LSTM, x: Float[Array, "b time c"]
) -> Float[Array, "b time two_h"]:
    """One after the other."""
    return jnp.concatenate([forward(x), backward(x)], axis=-1)
