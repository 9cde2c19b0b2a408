"""VGG-11 (Simonyan & Zisserman, 2015) for small images."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, UInt8

from jaxverify.errors import UserError
from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise

_POOL = 0
_LAYERS = (64, _POOL, 128, _POOL, 256, 256, _POOL, 512, 512, _POOL, 512, 512, _POOL)


class VGG11(nn.Module):
    """Eight 3x3 convolutions with bias; a classifier of 512, 512, C.

    Attributes:
        num_classes: C.
        batch_norm: normalise after each convolution; the paper's sizes tell that it does not.
        dropout: the share of the last features that is left out in training.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    batch_norm: bool = False
    dropout: float = 0.5
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images; with ``train`` a "dropout" key is wanted.

        Raises:
            UserError: if an image is too small to be halved five times.
        """
        height, width = x.shape[1:3]
        if min(height, width) < 32:
            raise UserError(
                f"vgg11 halves an image five times: {height}x{width} is too small, "
                "32x32 is the least"
            )
        x = normalise(x)
        for features in _LAYERS:
            if features == _POOL:
                x = max_pool(x, (2, 2), (2, 2))
            else:
                kernel_init = nn.initializers.he_normal()
                x = Conv(features, (3, 3), dtype=self.dtype, kernel_init=kernel_init)(x)
                if self.batch_norm:
                    x = nn.BatchNorm(not train, momentum=0.9, dtype=self.dtype)(x)
                x = nn.relu(x)
        x = x.reshape(x.shape[0], -1)
        for _ in range(2):
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = nn.relu(nn.Dense(512, dtype=self.dtype)(x))
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
