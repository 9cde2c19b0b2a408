"""Convolution as Flax defines it, lowered to what the backend at hand runs fastest."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, Float

Lowering = Literal["native", "patches", "pixels"]
Padding = str | Sequence[tuple[int, int]]


def conv(x, kernel, *, strides, padding, lowering=None):
    window = kernel.shape[:-2]
    image = x.shape[1:-1]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    padding = tuple((int(a), int(b)) for a, b in padding)
    lowering = lowering or choose(image, window, strides, padding)
    if lowering == "native":
        letters = "HW"[-len(image):]
        return lax.conv_general_dilated(x, kernel, strides, padding,
            dimension_numbers=("N" + letters + "C", letters + "IO", "N" + letters + "C"))
    if lowering == "patches":
        return patches_conv(x, kernel, strides, padding)
    return pixels_conv(x, kernel, strides, padding)


def choose(image, window, strides, padding):
    if max(image) <= 2:
        return "pixels"
    out = out_size(image, window, strides, padding)
    return "patches" if max(out) <= 2 or max(window) == 1 else "native"


def out_size(image, window, strides, padding):
    return tuple((n + a + b - w) // s + 1
                 for n, w, s, (a, b) in zip(image, window, strides, padding, strict=True))


def patches_conv(x, kernel, strides, padding):
    window = kernel.shape[:-2]
    out = out_size(x.shape[1:-1], window, strides, padding)
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    taps = []
    for tap in product(*map(range, window)):
        index = tuple(slice(t, t + (o - 1) * s + 1, s)
                      for t, o, s in zip(tap, out, strides, strict=True))
        taps.append(x[(slice(None), *index)])
    patches = jnp.concatenate(taps, axis=-1) if len(taps) > 1 else taps[0]
    y = patches.reshape(-1, patches.shape[-1]) @ kernel.reshape(-1, kernel.shape[-1])
    return y.reshape(*patches.shape[:-1], -1)


def pixels_conv(x, kernel, strides, padding):
    window = kernel.shape[:-2]
    image = x.shape[1:-1]
    out = out_size(image, window, strides, padding)
    pixels = []
    for o in product(*map(range, out)):
        start = [i * s - a for i, s, (a, _) in zip(o, strides, padding, strict=True)]
        lo = [max(0, -s) for s in start]
        hi = [min(w, n - s) for w, n, s in zip(window, image, start, strict=True)]
        k = kernel[tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))]
        p = x[(slice(None), *(slice(s + a, s + b) for s, a, b in zip(start, lo, hi, strict=True)))]
        pixels.append(p.reshape(x.shape[0], -1) @ k.reshape(-1, kernel.shape[-1]))
    return jnp.stack(pixels, axis=1).reshape(x.shape[0], *out, -1)


class Conv(nn.Module):
    """As ``nn.Conv``."""

    features: int
    kernel_size: Sequence[int]
    strides: int | Sequence[int] = 1
    padding: Padding | int = "SAME"
    use_bias: bool = True
    dtype: jnp.dtype | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x):
        window = tuple(self.kernel_size)
        rank = len(window)
        strides = (self.strides,) * rank if isinstance(self.strides, int) else tuple(self.strides)
        padding = self.padding
        if isinstance(padding, int):
            padding = ((padding, padding),) * rank
        kernel = self.param("kernel", self.kernel_init, (*window, x.shape[-1], self.features))
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv(x, kernel, strides=strides, padding=padding)
        return y if bias is None else y + jnp.reshape(bias, (1,) * (rank + 1) + (-1,))
