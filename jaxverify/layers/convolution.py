"""Convolution as Flax defines it, lowered to what the backend at hand runs fastest.

:class:`Conv` takes the place of ``flax.linen.Conv``; :func:`conv` is the pure function under it,
and :func:`choose` the one place that decides which of :mod:`jaxverify.layers.lowerings` it uses.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
from flax.linen.dtypes import promote_dtype
from jax import lax
from jaxtyping import Array, DTypeLike, Float

from jaxverify.layers.lowerings import LOWERINGS, Lowering, Pads, Sizes, out_sizes

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

    Guarantee: every lowering gives the same output and the same gradients, up to rounding.

    Args:
        x: images, or any array with the spatial dimensions in the middle.
        kernel: the weights, window first.
        strides: the step between outputs, one for all dimensions or one for each.
        padding: "SAME", "VALID", one width for every border, or ``(low, high)`` pairs.
        lowering: how to compute it; by default what :func:`choose` says.

    Returns:
        The output, of the promoted dtype of ``x`` and ``kernel``.

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
    lowering = lowering or choose(image, kernel.shape, strides, pads, jax.default_backend())
    return LOWERINGS[lowering](x, kernel, strides, pads)


def choose(
    image: Sizes, kernel_shape: Sizes, strides: Sizes, pads: Pads, backend: str
) -> Lowering:
    """Chooses the lowering for static shapes, from measurements on a CPU of two cores.

    Elsewhere than on a CPU it is always XLA's own. On a CPU, milliseconds of processor time for
    forward and backward of a 3x3 convolution at batch 128:

    ==================  ===========  ======  ================================
    image, channels     XLA's own    taps    XLA's own, kernel gradient taps
    ==================  ===========  ======  ================================
    8x8, 64 to 64       22           51      36
    4x4, 128 to 128     18           17      20
    2x2, 256 to 256     330          12
    1x1, 512 to 512     78           3
    16x16, 64 to 128    223                  171
    8x8, 256 to 256     379                  305
    ==================  ===========  ======  ================================
    """
    if backend != "cpu":
        return "native"
    *window, channels, features = kernel_shape
    out = out_sizes(image, tuple(window), strides, pads)
    if max(out) <= 2 or max(window) == 1:  # most taps meet only padding, or there is but one
        return "taps"
    if len(out) == 2 and min(out) >= 8 and channels * features >= 64 * 128:
        return "kernelwise_taps"
    return "kernelwise"
