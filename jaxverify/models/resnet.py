"""ResNet-34 (He et al., 2016) in the ImageNet layout."""

from functools import partial
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise

_Conv = partial(
    Conv, use_bias=False, kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal")
)
_Norm = partial(nn.BatchNorm, momentum=0.9, epsilon=1e-5)
_BORDER = ((1, 1), (1, 1))
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, which is a 1x1 convolution where shapes differ.

    Attributes:
        features: the number of channels.
        stride: of the first convolution.
        dtype: of the computation; the parameters are float32.
    """

    features: int
    stride: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], train: bool) -> Float[Array, "n h2 w2 c2"]:
        """The block's output."""
        conv = partial(_Conv, dtype=self.dtype)
        norm = partial(_Norm, use_running_average=not train, dtype=self.dtype)
        y = nn.relu(norm()(conv(self.features, (3, 3), self.stride, _BORDER)(x)))
        y = norm()(conv(self.features, (3, 3), 1, _BORDER)(y))
        if x.shape != y.shape:
            x = norm()(conv(self.features, (1, 1), self.stride, "VALID")(x))
        return nn.relu(x + y)


class ResNet34(nn.Module):
    """Stages of 3, 4, 6 and 3 blocks with 64 to 512 channels.

    Attributes:
        num_classes: C.
        stem: "imagenet", 7x7 with stride 2 and a max-pooling, which Table 1's size tells; or
            "cifar", 3x3 with stride 1, for small images.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    stem: Literal["imagenet", "cifar"] = "imagenet"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of images; with ``train`` the collection "batch_stats" is updated."""
        x = normalise(x)
        if self.stem == "imagenet":
            x = _Conv(64, (7, 7), 2, ((3, 3), (3, 3)), dtype=self.dtype)(x)
        else:
            x = _Conv(64, (3, 3), 1, _BORDER, dtype=self.dtype)(x)
        x = nn.relu(_Norm(use_running_average=not train, dtype=self.dtype)(x))
        if self.stem == "imagenet":
            x = max_pool(x, (3, 3), (2, 2), _BORDER)
        for stage, (features, num_blocks) in enumerate(_STAGES):
            for block in range(num_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = BasicBlock(features, stride, self.dtype)(x, train)
        return nn.Dense(self.num_classes, dtype=jnp.float32)(jnp.mean(x, axis=(1, 2)))
