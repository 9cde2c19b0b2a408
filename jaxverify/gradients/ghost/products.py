"""Squared norms of sums of outer products, without the sums where these are large.

A layer's gradient for one sample is a sum over positions t (pixels, words, time),
``sum_t x_t g_t^T``, of what the layer read times the gradient of what it wrote. Its squared norm is
also ``sum_{t,t'} (x_t . x_t') (g_t . g_t')``, two Gram matrices. Whichever takes fewer
multiplications is used. Neither needs more memory than the layer's own input and output, times the
window of a convolution: a per-sample gradient ``[k, f]`` is formed only where
``t k f <= t^2 (k + f)``, so where it is smaller than they are.
"""

import math
from functools import reduce

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Float32, Int

Norms = Float32[Array, " n"]
Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def of_sum(g: Float[Array, "n ... f"]) -> Norms:
    """``|sum_t g_t|^2``, of a bias."""
    return _square(jnp.sum(_rows(g), axis=1))


def of_product(x: Float[Array, "n ... k"], g: Float[Array, "n ... f"]) -> Norms:
    """``|sum_t x_t g_t^T|^2``, of a kernel ``[k, f]``."""
    x, g = _rows(x), _rows(g)
    (_, t, k), f = x.shape, g.shape[-1]
    if t * k * f <= t**2 * (k + f):
        return _square(jnp.einsum("ntk,ntf->nkf", x, g))
    return _dot(_gram(x), _gram(g))


def of_convolution(
    x: Float[Array, "n *space c"],
    g: Float[Array, "n *out f"],
    window: Sizes,
    strides: Sizes,
    pads: Pads,
) -> Norms:
    """Of a convolution's kernel ``[*window, c, f]``, ``x_t`` being the pixels that output t reads.

    The Gram matrix of these patches is that of the pixels, summed along its diagonals: each tap
    of the window adds the pixels' products shifted by that tap. So the window costs additions
    alone, and the multiplications fall short of those of the kernel's gradient.
    """
    image, out, c, f = x.shape[1:-1], g.shape[1:-1], x.shape[-1], g.shape[-1]
    pixels, t, taps = math.prod(image), math.prod(out), math.prod(window)
    spans = list(zip(window, strides, pads, out, strict=True))
    if t * taps * c * f <= pixels**2 * c + t**2 * (f + sum(window)):
        patches = [x]
        for axis, span in enumerate(spans, start=1):
            patches = [tap for part in patches for tap in _taps(part, (axis,), *span)]
        return of_product(jnp.concatenate(patches, axis=-1), g)
    gram = _gram(_rows(x)).reshape(len(x), *image, *image)
    for axis, span in enumerate(spans, start=1):
        gram = reduce(jnp.add, _taps(gram, (axis, axis + len(image)), *span))
    return _dot(gram.reshape(len(x), t, t), _gram(_rows(g)))


def of_rows(tokens: Int[Array, "n ..."], g: Float[Array, "n ... f"]) -> Norms:
    """Of a table whose row ``tokens_t`` gets ``g_t``: equal tokens add up before the square."""
    tokens = tokens.reshape(len(tokens), -1)
    return _dot((tokens[:, :, None] == tokens[:, None, :]).astype(jnp.float32), _gram(_rows(g)))


def _taps(
    x: Array, axes: tuple[int, ...], window: int, stride: int, pad: tuple[int, int], out: int
) -> list[Array]:
    """What each tap of a window reads along ``axes``, all of them in step."""
    widths = [(*pad, 0) if axis in axes else (0, 0, 0) for axis in range(x.ndim)]
    x, reads = lax.pad(x, jnp.zeros((), x.dtype), widths), []
    for tap in range(window):
        read = x
        for axis in axes:
            read = lax.slice_in_dim(read, tap, tap + (out - 1) * stride + 1, stride, axis)
        reads.append(read)
    return reads


def _rows(x: Float[Array, "n ... k"]) -> Float32[Array, "n t k"]:
    return x.reshape(len(x), -1, x.shape[-1]).astype(jnp.float32)


def _gram(x: Float32[Array, "n t k"]) -> Float32[Array, "n t t"]:
    return jnp.einsum("ntk,nsk->nts", x, x)


def _dot(a: Float32[Array, "n t s"], b: Float32[Array, "n t s"]) -> Norms:
    # A sum of products that cancel may round to less than nothing, which has no root.
    return jnp.maximum(jnp.sum(a * b, axis=(1, 2)), 0)


def _square(x: Float32[Array, "n ..."]) -> Norms:
    return jnp.sum(jnp.square(x), axis=tuple(range(1, x.ndim)))
