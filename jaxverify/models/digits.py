"""A small convolutional network for 8x8 grey digits."""

import flax.linen as nn
from jaxtyping import Array, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise


class DigitsCNN(nn.Module):
    """Two convolutions, a pooling, two dense layers.

    Attributes:
        num_classes: C.
    """

    num_classes: int

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images; nothing depends on ``train``."""
        x = normalise(x)
        x = nn.relu(Conv(32, (3, 3))(x))
        x = nn.relu(Conv(64, (3, 3))(x))
        x = max_pool(x, (2, 2), (2, 2)).reshape(x.shape[0], -1)
        x = nn.relu(nn.Dense(128)(x))
        return nn.Dense(self.num_classes)(x)
