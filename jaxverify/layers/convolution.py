"""Convolution as Flax defines it, lowered to what the backend at hand runs fastest.

:class:`Conv` takes the place of ``flax.linen.Conv``; :func:`conv` is the pure function under it,
and :func:`choose` the one place that decides how it is computed.
"""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, DTypeLike, Float

Padding = str | int | Sequence[tuple[int, int]]
Lowering = Literal["native", "taps"]
_Sizes = tuple[int, ...]
_Pads = tuple[tuple[int, int], ...]


class Conv(nn.Module):
    """A convolution over ``[batch, *space, channels]``, in one, two or three spatial dimensions.

    Guarantee: parameters ("kernel", "bias"), outputs and gradients are those of
    ``flax.linen.Conv`` up to rounding, with padding narrower than the window (see :func:`conv`).

    Attributes:
        features: the number of output channels.
        kernel_size: the window, one size for each spatial dimension.
        strides: the step between outputs, one for all dimensions or one for each.
        padding: "SAME", "VALID", one width for every border, or ``(low, high)`` pairs.
        use_bias: whether to add a learnt bias to every output channel.
        dtype: of the computation; by default that of the input and the parameters.
        kernel_init: makes the kernel ``[*kernel_size, channels, features]``.
        bias_init: makes the bias ``[features]``.
    """

    features: int
    kernel_size: Sequence[int]
    strides: int | Sequence[int] = 1
    padding: Padding = "SAME"
    use_bias: bool = True
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Float[Array, "b *space c"]) -> Float[Array, "b *out f"]:
        """Convolves ``x`` with the kernel and adds the bias."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv(x, kernel, strides=self.strides, padding=self.padding)
        return y if bias is None else y + bias.reshape((1,) * (y.ndim - 1) + (-1,))


def conv(
    x: Float[Array, "b *space c"],
    kernel: Float[Array, "*window c f"],
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "SAME",
    lowering: Lowering | None = None,
) -> Float[Array, "b *out f"]:
    """Convolves ``x`` with ``kernel``, as ``jax.lax.conv_general_dilated`` does channels last.

    Guarantee: every lowering gives the same output and the same gradients, up to rounding. Where
    padding is as wide as the window or wider, the input gradient of "native" is not to be trusted:
    XLA computes it wrongly on a CPU (seen in jaxlib 0.10.2). No network here pads so.

    Args:
        x: images, or any array with the spatial dimensions in the middle.
        kernel: the weights, window first.
        strides: the step between outputs, one for all dimensions or one for each.
        padding: "SAME", "VALID", one width for every border, or ``(low, high)`` pairs.
        lowering: how to compute it; by default what :func:`choose` says.

    Returns:
        The output, of the dtype of ``x`` and ``kernel``.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> conv(x, jnp.ones((2, 1, 1)), padding="VALID").ravel().tolist()
    [3.0, 5.0]
    """
    window, image = kernel.shape[:-2], x.shape[1:-1]
    strides = (strides,) * len(window) if isinstance(strides, int) else tuple(strides)
    if isinstance(padding, str):
        pads = tuple(lax.padtype_to_pads(image, window, strides, padding))
    elif isinstance(padding, int):
        pads = ((padding, padding),) * len(window)
    else:
        pads = tuple((low, high) for low, high in padding)
    out = tuple(
        (n + low + high - w) // s + 1
        for n, w, s, (low, high) in zip(image, window, strides, pads, strict=True)
    )
    if (lowering or choose(window, out, jax.default_backend())) == "native":
        return _native(x, kernel, strides, pads)
    return _taps(x, kernel, strides, pads, out)


def choose(window: Sequence[int], out: Sequence[int], backend: str) -> Lowering:
    """Chooses the lowering from the window's and the output's spatial shape.

    On a CPU, XLA's convolution falls to a tenth of its speed at outputs of 2x2 and 1x1, forward
    and backward, and a 1x1 window is a matrix product that it does not treat as one.
    """
    if backend == "cpu" and (max(out) <= 2 or max(window) == 1):
        return "taps"
    return "native"


def _native(x: Array, kernel: Array, strides: _Sizes, pads: _Pads) -> Array:
    """XLA's own convolution, channels last."""
    space = "DHW"[-len(strides) :]
    layouts = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=layouts)


def _taps(x: Array, kernel: Array, strides: _Sizes, pads: _Pads, out: _Sizes) -> Array:
    """The sum, over the taps that meet the image, of pixels times that tap's matrix.

    At 2x2 and 1x1 that is 16/36 and 1/9 of the multiplications of a 3x3 window: the other taps
    meet only padding.
    """
    batch, *image, channels = x.shape
    *window, _, features = kernel.shape
    axes = [_meetings(*sizes) for sizes in zip(image, window, strides, pads, out, strict=True)]
    y = jnp.zeros((batch, *out, features), x.dtype)
    for meeting in product(*axes):
        tap, reads, margins = zip(*meeting, strict=True)
        pixels = x[(slice(None), *reads)]
        part = (pixels.reshape(-1, channels) @ kernel[tap]).reshape(*pixels.shape[:-1], features)
        y += jnp.pad(part, ((0, 0), *margins, (0, 0)))
    return y


def _meetings(
    n: int, window: int, stride: int, pad: tuple[int, int], out: int
) -> list[tuple[int, slice, tuple[int, int]]]:
    """Along one axis: each tap that meets the image, the inputs it reads, the outputs it skips."""
    found = []
    for tap in range(window):
        offset = tap - pad[0]  # output i reads input i * stride + offset
        first = max(0, -(offset // stride))
        last = min(out - 1, (n - 1 - offset) // stride)
        if first <= last:
            reads = slice(first * stride + offset, last * stride + offset + 1, stride)
            found.append((tap, reads, (first, out - 1 - last)))
    return found
