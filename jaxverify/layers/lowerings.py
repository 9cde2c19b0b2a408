"""Three ways to compute one convolution; all agree up to rounding.

- ``native``: XLA's own convolution, and the gradients XLA makes of it.
- ``taps``: one matrix product for each tap of the window, over the outputs for which that tap
  meets the image. At 2x2 and 1x1, where most taps of a 3x3 window meet only padding, that is
  16/36 and 1/9 of the multiplications.
- ``hybrid``: XLA's own convolution and input gradient; the kernel's gradient, the slowest of the
  three on a CPU where images are large and channels many, is one product for each tap.
"""

from collections.abc import Callable
from itertools import product
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Lowering = Literal["native", "taps", "hybrid"]
Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
Images = Float[Array, "b *space c"]
Kernel = Float[Array, "*window c f"]
Outputs = Float[Array, "b *out f"]


def out_sizes(image: Sizes, window: Sizes, strides: Sizes, pads: Pads) -> Sizes:
    """Returns the spatial shape of a convolution's output."""
    return tuple(
        (n + low + high - w) // s + 1
        for n, w, s, (low, high) in zip(image, window, strides, pads, strict=True)
    )


def native(x: Images, kernel: Kernel, strides: Sizes, pads: Pads) -> Outputs:
    """XLA's own convolution, channels last."""
    space = "DHW"[-len(strides) :]
    layouts = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=layouts)


def taps(x: Images, kernel: Kernel, strides: Sizes, pads: Pads) -> Outputs:
    """The sum, over the taps that meet the image, of the pixels read times that tap's matrix."""
    image, window, features = x.shape[1:-1], kernel.shape[:-2], kernel.shape[-1]
    out = out_sizes(image, window, strides, pads)
    axes = [_meetings(*sizes) for sizes in zip(image, window, strides, pads, out, strict=True)]
    y = jnp.zeros((x.shape[0], *out, features), x.dtype)
    for meeting in product(*axes):
        tap, reads, skipped = zip(*meeting, strict=True)
        pixels = x[(slice(None), *reads)]
        part = pixels.reshape(-1, pixels.shape[-1]) @ kernel[tap]
        part = part.reshape(*pixels.shape[:-1], features)
        y += jnp.pad(part, ((0, 0), *skipped, (0, 0)))
    return y


def _meetings(
    image: int, window: int, stride: int, pad: tuple[int, int], out: int
) -> list[tuple[int, slice, tuple[int, int]]]:
    """Along one axis: each tap that meets the image, what it reads, the outputs it skips."""
    found = []
    for tap in range(window):
        offset = tap - pad[0]  # output i reads input i * stride + offset
        first = max(0, -(offset // stride))
        last = min(out - 1, (image - 1 - offset) // stride)
        if first <= last:
            reads = slice(first * stride + offset, last * stride + offset + 1, stride)
            found.append((tap, reads, (first, out - 1 - last)))
    return found


def hybrid(x: Images, kernel: Kernel, strides: Sizes, pads: Pads) -> Outputs:
    """XLA's own convolution, with the kernel's gradient by taps."""
    return _hybrid(x, kernel, strides, pads)


_hybrid = jax.custom_vjp(native, nondiff_argnums=(2, 3))


def _hybrid_forward(
    x: Images, kernel: Kernel, strides: Sizes, pads: Pads
) -> tuple[Outputs, tuple[Images, Kernel]]:
    return native(x, kernel, strides, pads), (x, kernel)


def _hybrid_backward(
    strides: Sizes, pads: Pads, residuals: tuple[Images, Kernel], g: Outputs
) -> tuple[Images, Kernel]:
    x, kernel = residuals
    (x_gradient,) = jax.linear_transpose(lambda x: native(x, kernel, strides, pads), x)(g)
    # Here few taps miss the image, and the padded image spares a copy of g for each tap.
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    rows = g.reshape(-1, g.shape[-1])
    products = []
    for tap in product(*map(range, kernel.shape[:-2])):
        spans = zip(tap, g.shape[1:-1], strides, strict=True)
        reads = (slice(t, t + (n - 1) * s + 1, s) for t, n, s in spans)
        pixels = padded[(slice(None), *reads)]
        products.append(pixels.reshape(-1, pixels.shape[-1]).T @ rows)
    return x_gradient, jnp.stack(products).reshape(kernel.shape)


_hybrid.defvjp(_hybrid_forward, _hybrid_backward)

LOWERINGS: dict[Lowering, Callable[[Images, Kernel, Sizes, Pads], Outputs]] = {
    "native": native,
    "taps": taps,
    "hybrid": hybrid,
}
