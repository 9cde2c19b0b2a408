"""A small convolutional net for 8x8 grey digits."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise


class DigitsCNN(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x: UInt8[Array, "b h w c"], train: bool = False):
        x = normalise(x)
        x = nn.relu(Conv(32, (3, 3))(x))
        x = nn.relu(Conv(64, (3, 3))(x))
        x = max_pool(x, (2, 2), (2, 2))
        x = x.reshape(x.shape[0], -1)
        x = nn.relu(nn.Dense(128)(x))
        return nn.Dense(self.num_classes)(x)
