"""ResNet-34 (He et al. 2016), the ImageNet layout."""

from functools import partial
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8

from jaxverify.layers import Conv, max_pool
from jaxverify.models.inputs import normalise

fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_Conv = partial(Conv, use_bias=False, kernel_init=fan_out)
_Norm = partial(nn.BatchNorm, momentum=0.9, epsilon=1e-5)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    features: int
    stride: int

    @nn.compact
    def __call__(self, x, train: bool):
        norm = partial(_Norm, use_running_average=not train)
        pad = ((1, 1), (1, 1))
        y = nn.relu(norm()(_Conv(self.features, (3, 3), self.stride, pad)(x)))
        y = norm()(_Conv(self.features, (3, 3), 1, pad)(y))
        if x.shape != y.shape:
            x = norm()(_Conv(self.features, (1, 1), self.stride, "VALID")(x))
        return nn.relu(x + y)


class ResNet34(nn.Module):
    """ResNet-34."""

    num_classes: int
    stem: Literal["imagenet", "cifar"] = "imagenet"

    @nn.compact
    def __call__(self, x: UInt8[Array, "b h w c"], train: bool = False):
        x = normalise(x)
        if self.stem == "imagenet":
            x = _Conv(64, (7, 7), 2, ((3, 3), (3, 3)))(x)
        else:
            x = _Conv(64, (3, 3), 1, ((1, 1), (1, 1)))(x)
        x = nn.relu(_Norm(use_running_average=not train)(x))
        if self.stem == "imagenet":
            x = max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, (features, blocks) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3))):
            for block in range(blocks):
                x = BasicBlock(features, 2 if stage > 0 and block == 0 else 1)(x, train)
        return nn.Dense(self.num_classes)(jnp.mean(x, axis=(1, 2)))
