"""Theorem 1 as numbers with intervals: the gradients of clean against those of extra samples."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxverify.errors import UserError
from jaxverify.gradients.task import Chunks, TaskGradients, dot

_LEVEL = 0.95


class Estimate(NamedTuple):
    """A value and its bootstrap interval, 95% and approximate (:func:`compare`).

    A bound is infinite where the value is divided by nothing.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """What Theorem 1 compares, D_c the clean samples and D_r the extra ones.

    Attributes:
        clean_norm: ``|sum of the gradients of D_c|``, eq. 9 of the paper.
        extra_norm: the same of D_r.
        raw_ratio: the first over the second, what eq. 2 says to be large.
        matched_ratio: the same of as many clean samples as there are extra ones: the root of the
            mean square over all their subsets of that size.
        orthogonal_ratio: what ``raw_ratio`` would be if all gradients were orthogonal to each
            other, of equal norm: ``sqrt(n_c / n_r)``.
        norm_ratio: the mean norm of a single clean gradient over that of an extra one.
        clean_coherence: the mean cosine of two clean gradients, the left side of eq. 7.
        extra_coherence: the same of two extra ones, the right side.
        similarity: the cosine of the gradient of D_c with that of D_c and D_r together, Figure 6.
        clean_cosines: of the gradients of every two chunks of clean samples, Figure 5.
        extra_cosines: the same of extra samples.
    """

    clean_norm: Estimate
    extra_norm: Estimate
    raw_ratio: Estimate
    matched_ratio: Estimate
    orthogonal_ratio: float
    norm_ratio: Estimate
    clean_coherence: Estimate
    extra_coherence: Estimate
    similarity: float
    clean_cosines: Float[np.ndarray, " clean_pairs"]
    extra_cosines: Float[np.ndarray, " extra_pairs"]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite one is None."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def compare(
    clean: TaskGradients,
    extra: TaskGradients,
    *,
    num_clean: int,
    num_extra: int,
    resamples: int = 1000,
) -> Comparison:
    """Compare the tasks at one point of training.

    The squared norm of the sum of n gradients is ``n q + n (n-1) d``, with q the mean square of a
    gradient's norm and d the mean inner product of two different ones (eq. 10, with each pair
    counted once). Both are estimated without bias from the samples measured, so the norm of all
    of D_c is known from some of them. Where all were measured it is the norm itself.

    Intervals are percentiles over chunks drawn with replacement, a pair of a chunk with itself
    left out: they tell how the numbers vary with the samples, not with the network's seed. They are
    approximate: where gradients are coherent and chunks are few, they hold the truth in less than
    95% of the cases; where gradients are orthogonal, in more. Take 25 chunks or more.

    Guarantee: where all samples were measured, ``clean_norm`` and ``extra_norm`` are the norms of
    the sums, and ``matched_ratio`` that of the root mean squares over all subsets, up to rounding.

    Args:
        clean: of samples of D_c drawn at random.
        extra: of D_r, or of some of it drawn at random.
        num_clean: n_c, the size of D_c.
        num_extra: n_r, the size of D_r.
        resamples: of the bootstrap, which is a function of its arguments: its seed is fixed.

    Raises:
        UserError: if a task is smaller than what was measured of it.
    """
    for name, task, n in (("clean", clean, num_clean), ("extra", extra, num_extra)):
        if n < len(task.norms):
            raise UserError(f"num_{name} is {n}, but {len(task.norms)} samples were measured")
    rng = np.random.default_rng(0)
    of_clean, of_extra = (_Resampled.of(task, resamples, rng) for task in (clean, extra))
    clean_norm, extra_norm = of_clean.norm(num_clean), of_extra.norm(num_extra)
    matched = of_clean.norm(num_extra)
    return Comparison(
        clean_norm=_estimate(clean_norm),
        extra_norm=_estimate(extra_norm),
        raw_ratio=_estimate(_ratio(clean_norm, extra_norm)),
        matched_ratio=_estimate(_ratio(matched, extra_norm)),
        orthogonal_ratio=float(np.sqrt(num_clean / num_extra)),
        norm_ratio=_estimate(_ratio(of_clean.mean_norm, of_extra.mean_norm)),
        clean_coherence=_estimate(of_clean.coherence),
        extra_coherence=_estimate(of_extra.coherence),
        similarity=_similarity(clean, extra, num_clean, num_extra),
        clean_cosines=_cosines(clean.plain),
        extra_cosines=_cosines(extra.plain),
    )


class _Resampled(NamedTuple):
    """Of a task, each number as measured and then of every resample: ``[1 + resamples]``."""

    mean_norm: Float[np.ndarray, " r"]
    mean_square: Float[np.ndarray, " r"]  # q
    mean_product: Float[np.ndarray, " r"]  # d
    coherence: Float[np.ndarray, " r"]

    @classmethod
    def of(cls, task: TaskGradients, resamples: int, rng: np.random.Generator) -> "_Resampled":
        sizes, norms = task.sizes, task.norms.astype(np.float64)
        k = len(sizes)
        counts = rng.multinomial(k, np.full(k, 1 / k), size=resamples)
        counts = np.concatenate([np.ones((1, k), counts.dtype), counts])
        starts = np.cumsum(sizes) - sizes
        sums = np.add.reduceat(norms, starts)
        squares = np.add.reduceat(norms**2, starts)
        nonzero = np.add.reduceat((norms > 0).astype(float), starts)
        m = counts @ sizes
        return cls(
            mean_norm=counts @ sums / m,
            mean_square=counts @ squares / m,
            mean_product=_mean_over_pairs(task.plain.gram, squares, sizes, counts),
            coherence=_mean_over_pairs(task.unit.gram, nonzero, sizes, counts),
        )

    def norm(self, n: int) -> Float[np.ndarray, " r"]:
        """Of the sum of n gradients: the root mean square."""
        square = n * self.mean_square + n * (n - 1) * self.mean_product
        return np.sqrt(np.maximum(square, 0))  # an estimate without bias may fall below nothing


def _mean_over_pairs(
    gram: Float[np.ndarray, "k k"],
    squares: Float[np.ndarray, " k"],
    sizes: Int[np.ndarray, " k"],
    counts: Int[np.ndarray, "r k"],
) -> Float[np.ndarray, " r"]:
    """The mean inner product of two different samples, of chunks that count so often each."""

    def over_pairs(products: Any, within: Any) -> Any:
        between = products - np.diag(np.diag(products))
        return np.einsum("rk,kl,rl->r", counts, between, counts) + counts @ within

    products = over_pairs(gram, np.diag(gram) - squares)
    pairs = over_pairs(np.outer(sizes, sizes), sizes * (sizes - 1))
    # Of chunks of one sample each, a resample of one chunk alone has no pair, and no value.
    return np.divide(products, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _similarity(
    clean: TaskGradients, extra: TaskGradients, num_clean: int, num_extra: int
) -> float:
    """Figure 6, from unbiased estimates of the inner products of the two sums."""
    once = np.random.default_rng(0)
    ours, theirs = (_Resampled.of(task, 0, once) for task in (clean, extra))
    a, b = ours.norm(num_clean)[0] ** 2, theirs.norm(num_extra)[0] ** 2
    scale = num_clean / len(clean.norms) * num_extra / len(extra.norms)
    cross = scale * dot(clean.plain.total, extra.plain.total)
    both = a + 2 * cross + b
    if a <= 0 or both <= 0:
        return float("nan")
    return float(np.clip((a + cross) / np.sqrt(a * both), -1, 1))  # of estimates, it may be beyond


def _cosines(chunks: Chunks) -> Float[np.ndarray, " pairs"]:
    norms = np.sqrt(np.diag(chunks.gram))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = chunks.gram / np.outer(norms, norms)
    return np.nan_to_num(cosines[np.triu_indices(len(norms), 1)])


def _ratio(a: Float[np.ndarray, " r"], b: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b > 0, a / b, np.inf)


def _estimate(values: Float[np.ndarray, " r"]) -> Estimate:
    """The value as measured, and the interval of those resampled."""
    tail = (1 - _LEVEL) / 2
    valid = values[1:][~np.isnan(values[1:])]
    low, high = np.quantile(valid, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(float(values[0]), float(low), float(high))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if np.isfinite(value) else None
