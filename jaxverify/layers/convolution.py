"""Convolution as Flax defines it, lowered to what the backend at hand runs fastest.

:class:`Conv` takes the place of ``flax.linen.Conv``; :func:`conv` is the pure function under it,
and :func:`choose` the one place that decides which of :mod:`jaxverify.layers.lowerings` it uses.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, DTypeLike, Float

from jaxverify.layers.lowerings import LOWERINGS, Lowering, Sizes, out_sizes
from jaxverify.layers.winograd import Pads, fits

Padding = str | int | Sequence[tuple[int, int]]


class Conv(nn.Module):
    """A convolution over ``[batch, *space, channels]``, in one, two or three spatial dimensions.

    Guarantee: parameters ("kernel", "bias"), outputs and gradients are those of
    ``flax.linen.Conv`` up to rounding.

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
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = None
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        y = conv(x, kernel, strides=self.strides, padding=self.padding)
        if bias is None:
            return y
        # Added as it is: its gradient is a sum over all pixels, too long for bfloat16.
        return (y + bias.reshape((1,) * (y.ndim - 1) + (-1,))).astype(y.dtype)


def conv(
    x: Float[Array, "b *space c"],
    kernel: Float[Array, "*window c f"],
    *,
    strides: int | Sequence[int] = 1,
    padding: Padding = "SAME",
    lowering: Lowering | None = None,
) -> Float[Array, "b *out f"]:
    """Convolves ``x`` with ``kernel``, as ``jax.lax.conv_general_dilated`` does channels last.

    Guarantee: every lowering gives the same output and the same gradients, up to rounding, where
    :func:`trusted` says so of the borders, and what :func:`choose` says does everywhere on a CPU.

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
    strides, pads = geometry(image, window, strides, padding)
    if lowering is None:
        out = out_sizes(image, window, strides, pads)
        lowering = choose(kernel, strides, pads, out, jax.default_backend())
    return LOWERINGS[lowering](x, kernel, strides, pads)


def geometry(
    image: Sizes, window: Sizes, strides: int | Sequence[int], padding: Padding
) -> tuple[Sizes, Pads]:
    """Spells out strides and padding, one stride and one ``(low, high)`` for each dimension."""
    strides = (strides,) * len(window) if isinstance(strides, int) else tuple(strides)
    if isinstance(padding, str):
        return strides, tuple(lax.padtype_to_pads(image, window, strides, padding))
    if isinstance(padding, int):
        return strides, ((padding, padding),) * len(window)
    return strides, tuple((low, high) for low, high in padding)


def choose(
    kernel: Float[Array, "*window c f"],
    strides: Sequence[int],
    pads: Pads,
    out: Sequence[int],
    backend: str,
) -> Lowering:
    """Chooses the lowering from the shapes of the kernel and of the output.

    On a GPU or TPU always XLA's own. What each costs on a CPU is measured by
    ``python -m benchmarks.convolution``; the numbers are in docs/performance.md. A 1x1 window is
    one matrix product, which XLA's convolution does not treat as one.
    """
    *window, channels, features = kernel.shape
    if backend != "cpu":
        return "native"
    if max(window) == 1 or not trusted(window, strides, pads):
        return "taps"
    if channels < 16:
        return "patches"
    single = kernel.dtype == jnp.float32  # in less, differences of pixels lose digits
    if single and min(channels, features) >= 16 and fits(window, strides, pads) and max(out) > 1:
        return "winograd"
    return "taps" if max(out) <= 4 else "native"


def trusted(window: Sequence[int], strides: Sequence[int], pads: Pads) -> bool:
    """Says whether XLA's own gradient of a convolution is right on a CPU, by its borders.

    Under one as wide as the window it reads memory that nobody wrote. Where windows lie side by
    side and the borders have room for one, its compiler aborts the process for some shapes (image
    1x4, window 2x2, strides 2x2, borders 1 and 0 by 1 and 1). Seen with jaxlib 0.10.2 and 0.12.0.
    """
    axes = zip(window, strides, pads, strict=True)
    return not any(max(pad) >= w or (w == stride and sum(pad) >= w) for w, stride, pad in axes)
