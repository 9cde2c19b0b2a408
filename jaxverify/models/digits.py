"""A small convolutional network for 8x8 grey digits."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise


class DigitsCNN(nn.Module):
    """Two convolutions, a pooling, two dense layers.

    Attributes:
        num_classes: C.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images; nothing depends on ``train``."""
        x = normalise(x)
        x = nn.relu(Conv(32, (3, 3), dtype=self.dtype)(x))
        x = nn.relu(Conv(64, (3, 3), dtype=self.dtype)(x))
        x = max_pool(x, (2, 2), (2, 2)).reshape(x.shape[0], -1)
        x = nn.relu(nn.Dense(128, dtype=self.dtype)(x))
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
