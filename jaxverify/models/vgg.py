"""VGG-11 for 32x32 images."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise


class VGG11(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x: UInt8[Array, "b h w c"], train: bool = False):
        x = normalise(x)
        for features in (64, None, 128, None, 256, 256, None, 512, 512, None, 512, 512, None):
            if features is None:
                x = max_pool(x, (2, 2), (2, 2))
            else:
                x = nn.relu(Conv(features, (3, 3), kernel_init=nn.initializers.he_normal())(x))
        x = x.reshape(x.shape[0], -1)
        for _ in range(2):
            x = nn.Dropout(0.5, deterministic=not train)(x)
            x = nn.relu(nn.Dense(512)(x))
        return nn.Dense(self.num_classes)(x)
