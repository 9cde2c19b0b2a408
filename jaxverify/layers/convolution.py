"""Convolution as Flax defines it, lowered to what the backend at hand runs fastest.

:class:`Conv` takes the place of ``flax.linen.Conv``: same parameters, same values. :func:`conv`
is the pure function under it, and :func:`choose` the one place that decides how it is computed.
"""

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, DTypeLike, Float

Padding = str | int | Sequence[tuple[int, int]]
Lowering = Literal["native", "taps", "native_with_tap_gradient"]
_Sizes = tuple[int, ...]
_Pads = tuple[tuple[int, int], ...]


class Conv(nn.Module):
    """A convolution over ``[batch, *space, channels]``, in one or more spatial dimensions.

    Guarantee: parameters ("kernel", "bias"), outputs and gradients are those of
    ``flax.linen.Conv`` up to rounding, whatever the lowering.

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
    window, image = kernel.shape[:-2], x.shape[1:-1]
    strides = (strides,) * len(window) if isinstance(strides, int) else tuple(strides)
    if isinstance(padding, str):
        pads = tuple(lax.padtype_to_pads(image, window, strides, padding))
    elif isinstance(padding, int):
        pads = ((padding, padding),) * len(window)
    else:
        pads = tuple((low, high) for low, high in padding)
    match lowering or choose(image, kernel.shape, strides, pads):
        case "native":
            return _native(x, kernel, strides, pads)
        case "taps":
            return _taps(x, kernel, strides, pads)
        case "native_with_tap_gradient":
            return _native_with_tap_gradient(x, kernel, strides, pads)


def choose(image, kernel_shape, strides, pads, backend=None) -> Lowering:
    if (backend or jax.default_backend()) != "cpu":
        return "native"
    *window, c, f = kernel_shape
    out = _out_sizes(image, window, strides, pads)
    if max(out) <= 2 or max(window) == 1:
        return "taps"
    if len(image)==2 and min(out) >= 8 and c * f >= 64 * 128:
        return "native_with_tap_gradient"
    return "native"


def _out_sizes(image, window, strides, pads):
    return tuple(
        (n + low + high - w) // s + 1
        for n, w, s, (low, high) in zip(image, window, strides, pads, strict=True)
    )


def _native(x, kernel, strides, pads):
    space = "DHW"[3 - len(strides) :]
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C")
    )


def _meetings(image, window, strides, pads):
    """Of each tap that meets the image: the inputs it reads and the outputs it adds to."""
    out = _out_sizes(image, window, strides, pads)
    axes = []
    for n, w, s, (low, _), m in zip(image, window, strides, pads, out, strict=True):
        spans = []
        for tap in range(w):
            first, last = max(0, -((tap - low) // s)), min(m, (n - 1 + low - tap) // s + 1)
            start = first * s + tap - low
            if first < last:
                spans.append((tap, slice(start, start + (last - first - 1) * s + 1, s), (first, m - last)))
        axes.append(spans)
    return [tuple(zip(*spans, strict=True)) for spans in product(*axes)]


def _taps(x, kernel, strides, pads):
    batch, *image, _ = x.shape
    *window, _, features = kernel.shape
    y = jnp.zeros((batch, *_out_sizes(image, window, strides, pads), features), x.dtype)
    for tap, reads, margins in _meetings(image, window, strides, pads):
        pixels = x[(slice(None), *reads)]
        part = pixels.reshape(-1, x.shape[-1]) @ kernel[tap]
        part = part.reshape(*pixels.shape[:-1], features)
        y += jnp.pad(part, ((0, 0), *margins, (0, 0)))
    return y


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _native_with_tap_gradient(x, kernel, strides, pads):
    return _native(x, kernel, strides, pads)


def _forward(x, kernel, strides, pads):
    return _native(x, kernel, strides, pads), (x, kernel)


def _backward(strides, pads, residuals, g):
    x, kernel = residuals
    (dx,) = jax.linear_transpose(lambda x: _native(x, kernel, strides, pads), x)(g)
    *window, channels, features = kernel.shape
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows = g.reshape(-1, features)
    dk = []
    for tap in product(*map(range, window)):
        reads = (slice(t, t + (n - 1) * s + 1, s) for t, n, s in zip(tap, g.shape[1:-1], strides))
        dk.append(x[(slice(None), *reads)].reshape(-1, channels).T @ rows)
    return dx, jnp.stack(dk).reshape(kernel.shape)


_native_with_tap_gradient.defvjp(_forward, _backward)
