"""Matches of given answers with labels of two classes in random order: exact, the worst of all."""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.special import gammaln


@lru_cache(maxsize=64)
def worst_matches(first: int, second: int) -> Float64[np.ndarray, " m"]:
    """The largest P(matches >= h) that answers given without the labels can have.

    With r1 and r2 labels of the two classes and ``a`` answers of the first, M = r1 + r2 of either,
    X ~ Hypergeometric(M, r1, a) of the first class match, and r2 - a + 2X in all.

    Args:
        first: r1, labels of the first class.
        second: r2, of the second.

    Returns:
        float64 ``[M + 2]``: for h = 0 to M + 1, the largest over a = 0 to M.

    Guarantee: no answers to M samples match so many labels in random order more often, and for
    each h some match as often.

    >>> worst_matches(1, 1)[:3]  # answer one of each, or the same to both
    array([1. , 1. , 0.5])
    """
    total = first + second
    worst, log_factorial = np.zeros(total + 2), gammaln(np.arange(total + 1) + 1.0)

    def log_choose(n: int, k: Any) -> Any:
        return log_factorial[n] - log_factorial[k] - log_factorial[n - k]

    for a in range(total + 1):
        x = np.arange(max(0, a - second), min(a, first) + 1)
        log_p = log_choose(first, x) + log_choose(second, a - x) - log_choose(total, a)
        tail = np.minimum(np.exp(log_p)[::-1].cumsum()[::-1], 1.0)
        matches = second - a + 2 * x
        worst[matches] = np.maximum(worst[matches], tail)
        worst[: matches[0] + 1] = 1.0  # so many are certain
    # At least h + 1 matches are at least h.
    return np.maximum.accumulate(worst[::-1])[::-1]
