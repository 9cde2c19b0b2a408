"""Max-pooling whose backward pass is fast on a CPU, where XLA's select-and-scatter is slow."""

from collections.abc import Sequence
from functools import reduce
from itertools import product
from typing import Literal, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Shaped

Lowering = Literal["native", "maxima"]


def max_pool(
    x: Shaped[Array, "b *space c"],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]] = "VALID",
    *,
    lowering: Lowering | None = None,
) -> Shaped[Array, "b *out c"]:
    """Takes the largest value of every window, channel by channel.

    Guarantee: the values are those of ``flax.linen.max_pool``, and so are the gradients wherever
    no two values of a window tie for its maximum. At a tie the gradient is shared among the tied
    values, where Flax gives it to the first: both are subgradients.

    Args:
        x: images, or any array with the spatial dimensions in the middle, of numbers of any dtype.
        window: the size of the window, one for each spatial dimension.
        strides: the step between windows, one for each spatial dimension.
        padding: "SAME", "VALID" or ``(low, high)`` pairs; what is added never wins a maximum.
        lowering: how to compute it; by default "maxima" on a CPU, "native" elsewhere.

    Returns:
        The maxima.

    >>> import jax.numpy as jnp
    >>> max_pool(jnp.array([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1), (2,), (2,)).ravel().tolist()
    [5.0, 3.0]
    """
    window, strides = tuple(window), tuple(strides)
    if (lowering or _default_lowering()) == "native":
        # Flax takes pairs too, though its annotation says text alone.
        return nn.max_pool(x, window, strides, cast(str, padding))
    image = x.shape[1:-1]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    x = lax.pad(x, _least(x.dtype), [(0, 0, 0), *((*p, 0) for p in padding), (0, 0, 0)])
    if window == strides and all(n % w == 0 for n, w in zip(x.shape[1:-1], window, strict=True)):
        return _max_of_tiles(x, window)
    for axis, (w, s) in enumerate(zip(window, strides, strict=True), start=1):
        x = _max_along(x, axis, w, s)
    return x


def _least(dtype: jnp.dtype) -> Array:
    """Never more than another value."""
    if jnp.issubdtype(dtype, jnp.inexact):
        return jnp.array(-jnp.inf, dtype)
    return jnp.array(False if jnp.issubdtype(dtype, bool) else jnp.iinfo(dtype).min, dtype)


def _default_lowering() -> Lowering:
    return "maxima" if jax.default_backend() == "cpu" else "native"


def _max_of_tiles(x: Shaped[Array, "b *space c"], window: tuple[int, ...]) -> Array:
    """Windows that tile the image are an axis of their own after a reshape."""
    tiles = x.reshape(
        x.shape[0],
        *(size for n, w in zip(x.shape[1:-1], window, strict=True) for size in (n // w, w)),
        x.shape[-1],
    )
    taps = product(*map(range, window))
    index = [(slice(None), *(i for t in tap for i in (slice(None), t))) for tap in taps]
    return reduce(jnp.maximum, (tiles[i] for i in index))


def _max_along(x: Shaped[Array, "b *space c"], axis: int, window: int, stride: int) -> Array:
    """A maximum over a box is a maximum along one axis after the other."""
    span = (x.shape[axis] - window) // stride * stride + 1
    shifted = (lax.slice_in_dim(x, t, t + span, stride, axis) for t in range(window))
    return reduce(jnp.maximum, shifted)
