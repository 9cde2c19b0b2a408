"""A small convolutional network with batch norm and dropout, for images of any size."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise


class SmallCNN(nn.Module):
    """Three convolutions of 32, 64 and 128 filters, each with batch norm and pooling.

    Attributes:
        num_classes: C.
        dropout: the share of the last features that is left out in training.
        dtype: of the computation; parameters, batch statistics and the last layer are float32.
    """

    num_classes: int
    dropout: float = 0.25
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images."""
        x = normalise(x)
        for filters in (32, 64, 128):
            x = Conv(filters, (3, 3), use_bias=False, dtype=self.dtype)(x)
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, dtype=self.dtype)(x)
            x = max_pool(nn.relu(x), (2, 2), (2, 2))
        x = nn.Dropout(self.dropout, deterministic=not train)(x.reshape(x.shape[0], -1))
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
