"""Ways to compute one convolution on a CPU; all agree up to rounding.

- ``native``: XLA's own convolution, and the gradients XLA makes of it.
- ``taps``: one matrix product for each tap of the window, over the outputs for which that tap
  meets the image. At 2x2 and 1x1, where most taps of a 3x3 window meet only padding, that is
  16/36 and 1/9 of the multiplications.
- ``patches``: XLA's own convolution and input gradient; the kernel's gradient, slow in XLA where
  channels are few, is one product with what the window saw at every output.
- ``winograd``: fewer multiplications for a window of 3 and stride 1; see
  :mod:`jaxverify.layers.winograd`.
"""

from collections.abc import Callable
from itertools import product
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxverify.layers.winograd import Images, Kernel, Outputs, Pads, fits, winograd

Lowering = Literal["native", "taps", "patches", "winograd"]
Sizes = tuple[int, ...]


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


def patches(x: Images, kernel: Kernel, strides: Sizes, pads: Pads) -> Outputs:
    """XLA's own convolution, with the kernel's gradient as one product."""
    return _patches(x, kernel, strides, pads)


_patches = jax.custom_vjp(native, nondiff_argnums=(2, 3))


def _patches_forward(
    x: Images, kernel: Kernel, strides: Sizes, pads: Pads
) -> tuple[Outputs, tuple[Images, Kernel]]:
    return native(x, kernel, strides, pads), (x, kernel)


def _patches_backward(
    strides: Sizes, pads: Pads, residuals: tuple[Images, Kernel], g: Outputs
) -> tuple[Images, Kernel]:
    x, kernel = residuals
    (x_gradient,) = jax.linear_transpose(lambda x: native(x, kernel, strides, pads), x)(g)
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    seen = []
    for tap in product(*map(range, kernel.shape[:-2])):
        spans = zip(tap, g.shape[1:-1], strides, strict=True)
        reads = (slice(t, t + (n - 1) * s + 1, s) for t, n, s in spans)
        seen.append(padded[(slice(None), *reads)])
    columns = jnp.concatenate(seen, axis=-1).reshape(-1, kernel.size // kernel.shape[-1])
    return x_gradient, (columns.T @ g.reshape(-1, g.shape[-1])).reshape(kernel.shape)


_patches.defvjp(_patches_forward, _patches_backward)


def _winograd(x: Images, kernel: Kernel, strides: Sizes, pads: Pads) -> Outputs:
    window = kernel.shape[:-2]
    if not fits(window, strides, pads):
        raise ValueError(
            f"winograd cannot do a window {window} with strides {strides} and padding {pads}"
        )
    return winograd(x, kernel, pads)


LOWERINGS: dict[Lowering, Callable[[Images, Kernel, Sizes, Pads], Outputs]] = {
    "native": native,
    "taps": taps,
    "patches": patches,
    "winograd": _winograd,
}
