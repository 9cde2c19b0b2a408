"""Convolution over a sequence, then its maximum over time, as one layer.

The gradients involve only the words under each maximum: one window for each sample and filter
instead of one for each position. On a CPU that makes the backward pass all but free.
"""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, DTypeLike, Float, Int

from jaxverify.layers.convolution import conv

Lowering = Literal["native", "windows"]
Words = Float[Array, "b length c"]
Kernel = Float[Array, "width c f"]


class ConvMaxOverTime(nn.Module):
    """The maximum over time of a convolution over ``[batch, length, channels]``.

    Guarantee: parameters ("kernel", "bias") and outputs are those of
    ``flax.linen.Conv(features, (width,), padding="VALID")`` followed by ``max(axis=1)``, up to
    rounding, and so are the gradients wherever no two positions tie for a maximum.

    Attributes:
        features: the number of filters.
        width: the number of words under a filter, at most the length of the sequence.
        dtype: of the computation; by default that of the input and the parameters.
    """

    features: int
    width: int
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Words) -> Float[Array, "b f"]:
        """Convolves ``x`` and keeps the largest output of each filter."""
        shape = (self.width, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), shape[-1:], jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        y = max_over_time(x, kernel)
        return (y + bias[None]).astype(y.dtype)


def max_over_time(x: Words, kernel: Kernel, *, lowering: Lowering | None = None) -> Array:
    """Returns each filter's largest output over all windows of ``width`` words.

    Args:
        x: embedded words.
        kernel: one filter for each last index.
        lowering: how to differentiate it: "windows" reads the windows under the maxima alone,
            and at a tie the first of them; "native" is what XLA makes of convolution and maximum.
            By default "windows" on a CPU, "native" elsewhere.

    Returns:
        The maxima ``[batch, filters]``.

    >>> x = jnp.array([1.0, 4.0, 2.0]).reshape(1, 3, 1)
    >>> max_over_time(x, jnp.ones((2, 1, 1))).tolist()
    [[6.0]]
    """
    if lowering is None:
        lowering = "windows" if jax.default_backend() == "cpu" else "native"
    return _by_windows(x, kernel) if lowering == "windows" else _maxima(x, kernel)


def _maxima(x: Words, kernel: Kernel) -> Float[Array, "b f"]:
    return jnp.max(conv(x, kernel, padding="VALID"), axis=1)


_by_windows = jax.custom_vjp(_maxima)
_Residuals = tuple[Words, Kernel, Int[Array, "b f"]]


def _forward(x: Words, kernel: Kernel) -> tuple[Float[Array, "b f"], _Residuals]:
    y = conv(x, kernel, padding="VALID")
    maxima = jnp.max(y, axis=1)
    # The same as argmax, which XLA does not vectorise on a CPU.
    positions = jnp.arange(y.shape[1])[None, :, None]
    first = jnp.min(jnp.where(y == maxima[:, None], positions, y.shape[1] - 1), axis=1)
    return maxima, (x, kernel, first)


def _backward(residuals: _Residuals, g: Float[Array, "b f"]) -> tuple[Words, Kernel]:
    x, kernel, first = residuals
    under_maximum = first[..., None] + jnp.arange(kernel.shape[0])[None, None]

    def windows(x: Words) -> Float[Array, "f b width c"]:
        return jax.vmap(lambda words, index: words[index], out_axes=1)(x, under_maximum)

    words, transpose = jax.vjp(windows, x)
    (x_gradient,) = transpose(jnp.einsum("bf,wcf->fbwc", g, kernel))
    return x_gradient, jnp.einsum("bf,fbwc->fwc", g, words).transpose(1, 2, 0)


_by_windows.defvjp(_forward, _backward)
