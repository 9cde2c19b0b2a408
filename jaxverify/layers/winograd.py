"""Convolution with a window of 3 and stride 1 in fewer multiplications (Winograd, 1980).

Along one axis two outputs read four inputs: ``y = Aᵀ[(G w) ∘ (Bᵀ x)]`` takes four multiplications
where the definition takes six. In two dimensions the algorithm is applied along each axis, so 16
do what 36 did; where a product is one of matrices, over samples and tiles by channels by features,
the additions around it cost little. The gradients need no more multiplications than the output:
that of the input is a convolution too, and the kernel's is the same formula read backwards.
"""

import operator
from collections.abc import Sequence
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

Pads = tuple[tuple[int, int], ...]
Images = Float[Array, "b *space c"]
Kernel = Float[Array, "*window c f"]
Outputs = Float[Array, "b *out f"]

WINDOW = 3
_TILE = 2  # outputs of one tile


class _Algorithm(NamedTuple):
    """The matrices of one axis: Aᵀ [outputs, n], G [n, window] and Bᵀ [n, inputs].

    The kernel read backwards has the same Gw in another order, ``mirrored``.
    """

    outputs: np.ndarray
    kernel: np.ndarray
    inputs: np.ndarray
    mirrored: tuple[int, ...]


_GENERAL = _Algorithm(
    outputs=np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    kernel=np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
    inputs=np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    mirrored=(3, 1, 2, 0),
)
# Where the first and the last of the four inputs are padding, three multiplications do.
_BETWEEN_BORDERS = _Algorithm(
    outputs=np.array([[1, 1, 0], [1, 0, 1]]),
    kernel=np.array([[0, 1, 0], [0, -1, 1], [1, -1, 0]]),
    inputs=np.array([[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]),
    mirrored=(0, 2, 1),
)


def fits(window: Sequence[int], strides: Sequence[int], pads: Pads) -> bool:
    """Whether the algorithm can compute such a convolution."""
    narrow = all(max(border) < WINDOW for border in pads)
    return set(window) == {WINDOW} and set(strides) == {1} and narrow


_Residuals = tuple[list[Array], list[Array]]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def winograd(x: Images, kernel: Kernel, pads: Pads) -> Outputs:
    """Convolves ``x`` with ``kernel``, stride 1, for what :func:`fits`.

    Guarantee: outputs and gradients are those of ``jax.lax.conv_general_dilated`` up to rounding.
    """
    return _forward(x, kernel, pads)[0]


def _forward(x: Images, kernel: Kernel, pads: Pads) -> tuple[Outputs, _Residuals]:
    plan = _Plan(x.shape[1:-1], pads)
    inputs, weights = plan.transform_inputs(x), plan.transform_kernel(kernel)
    return plan.convolve(inputs, weights), (inputs, weights)


def _backward(pads: Pads, residuals: _Residuals, g: Outputs) -> tuple[Images, Kernel]:
    inputs, weights = residuals
    image = tuple(n + 2 - low - high for n, (low, high) in zip(g.shape[1:-1], pads, strict=True))
    plan = _Plan(image, pads)
    opposite = tuple((WINDOW - 1 - low, WINDOW - 1 - high) for low, high in pads)
    mirror = _Plan(g.shape[1:-1], opposite)
    x_gradient = mirror.convolve(mirror.transform_inputs(g), plan.mirrored(weights))
    products = [
        _as_rows(part).T @ _as_rows(spread)
        for part, spread in zip(inputs, plan.spread_outputs(g), strict=True)
    ]
    return x_gradient, plan.gather_kernel(products)


winograd.defvjp(_forward, _backward)


class _Plan:
    """For images of one shape: the algorithm of each axis, and the linear maps of the formula.

    Lists of arrays have one for each multiplication, the last axis's index running fastest.
    """

    def __init__(self, image: Sequence[int], pads: Pads) -> None:
        out = [n + low + high - 2 for n, (low, high) in zip(image, pads, strict=True)]
        self._out, self._pads = out, pads
        self._tiles = [-(-n // _TILE) for n in out]
        between = [n == 2 and border == (1, 1) for n, border in zip(image, pads, strict=True)]
        self._algorithms = [_BETWEEN_BORDERS if b else _GENERAL for b in between]

    def transform_inputs(self, x: Images) -> list[Array]:
        """Bᵀx for every tile: arrays ``[b, *tiles, c]``."""
        parts = [self._to_tiles(x, [n + 2 for n in self._out], self._pads)]
        for axis, algorithm in enumerate(self._algorithms, start=1):
            read = partial(self._every_tile, axis=axis)
            parts = [
                new
                for part in parts
                for new in _combine(algorithm.inputs, [read(part, k) for k in range(4)])
            ]
            # Otherwise XLA adds along all axes at once, in more additions.
            parts = lax.optimization_barrier(parts)
        return parts

    def transform_kernel(self, kernel: Kernel) -> list[Array]:
        """Gw: arrays ``[c, f]``."""
        parts = [kernel]
        for algorithm in self._algorithms:
            parts = [new for part in parts for new in _combine(algorithm.kernel, list(part))]
        return parts

    def mirrored(self, weights: list[Array]) -> list[Array]:
        """Gw of the kernel read backwards, with channels and features exchanged."""
        numbers = np.arange(len(weights)).reshape([len(a.mirrored) for a in self._algorithms])
        order = numbers[np.ix_(*(a.mirrored for a in self._algorithms))].ravel()
        return [weights[i].T for i in order]

    def convolve(self, inputs: list[Array], weights: list[Array]) -> Outputs:
        """The output, from what was transformed."""
        products = [
            (_as_rows(part) @ weight).reshape(*part.shape[:-1], -1)
            for part, weight in zip(inputs, weights, strict=True)
        ]
        return self.transform_outputs(products)

    def transform_outputs(self, parts: list[Array]) -> Outputs:
        """Aᵀ of the products, and the tiles put together."""
        for axis in range(len(self._algorithms), 0, -1):
            outputs = self._algorithms[axis - 1].outputs
            n = outputs.shape[1]
            groups = [parts[i : i + n] for i in range(0, len(parts), n)]
            parts = [_interleave(_combine(outputs, group), axis) for group in groups]
        (y,) = parts
        return y[(slice(None), *(slice(n) for n in self._out))]

    def spread_outputs(self, g: Outputs) -> list[Array]:
        """A of the outputs' gradient: arrays ``[b, *tiles, f]``."""
        parts = [self._to_tiles(g, self._out, ((0, 0),) * len(self._out))]
        for axis, algorithm in enumerate(self._algorithms, start=1):
            read = partial(self._every_tile, axis=axis)
            parts = [
                new
                for part in parts
                for new in _combine(algorithm.outputs.T, [read(part, k) for k in range(_TILE)])
            ]
            parts = lax.optimization_barrier(parts)
        return parts

    def gather_kernel(self, parts: list[Array]) -> Kernel:
        """Gᵀ of the products: the kernel's gradient."""
        for algorithm in reversed(self._algorithms):
            n = len(algorithm.kernel)
            groups = [parts[i : i + n] for i in range(0, len(parts), n)]
            parts = [jnp.stack(_combine(algorithm.kernel.T, group)) for group in groups]
        return parts[0]

    def _to_tiles(self, x: Array, sizes: Sequence[int], pads: Pads) -> Array:
        """Pads ``x``, and further at the end where the outputs do not fill the last tile."""
        rest = [_TILE * tiles - n for tiles, n in zip(self._tiles, self._out, strict=True)]
        borders = [(low, high + r) for (low, high), r in zip(pads, rest, strict=True)]
        return jnp.pad(x, ((0, 0), *borders, (0, 0)))

    def _every_tile(self, x: Array, k: int, *, axis: int) -> Array:
        """The entry k of each tile along one axis."""
        end = k + (self._tiles[axis - 1] - 1) * _TILE + 1
        return lax.slice_in_dim(x, k, end, _TILE, axis)


def _combine(matrix: np.ndarray, parts: Sequence[Array]) -> list[Array]:
    """Every row of ``matrix`` as a sum of ``parts``, written out: it is mostly 0, 1 and -1."""
    sums = []
    for row in matrix:
        pairs = zip(row, parts, strict=True)
        terms = [_times(float(factor), part) for factor, part in pairs if factor]
        sums.append(reduce(operator.add, terms))
    return sums


def _times(factor: float, part: Array) -> Array:
    return part if factor == 1 else -part if factor == -1 else factor * part


def _interleave(parts: Sequence[Array], axis: int) -> Array:
    stacked = jnp.stack(parts, axis + 1)
    shape = stacked.shape
    return stacked.reshape(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def _as_rows(part: Array) -> Array:
    return part.reshape(-1, part.shape[-1])
