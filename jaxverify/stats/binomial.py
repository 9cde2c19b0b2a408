"""The upper tail of a binomial, inverted in each of its arguments; float64, on the host."""

from typing import Any

import numpy as np
from jaxtyping import Float64, Int
from scipy.special import betainc, betaincinv

from jaxverify.errors import UserError

Counts = Int[np.ndarray, "..."]
Values = Float64[np.ndarray, "..."]


def upper_tail(k: Any, num_samples: Any, q: float) -> Values:
    """P(X >= k) for X ~ Binomial(N, q) and k in [0, N+1], as an incomplete beta integral."""
    k, n = np.asarray(k), np.asarray(num_samples)
    inside = betainc(np.maximum(k, 1), np.maximum(n - k + 1, 1), q)
    return np.where(k <= 0, 1.0, np.where(k > n, 0.0, inside))


def probability_of_tail(k: Any, num_samples: int, tail: float) -> Values:
    """The q with which P(X >= k) is ``tail``; 0 for k = 0 and 1 for k = N + 1."""
    k = np.asarray(k)
    inside = betaincinv(np.maximum(k, 1), np.maximum(num_samples - k + 1, 1), tail)
    return np.where(k <= 0, 0.0, np.where(k > num_samples, 1.0, inside))


def smallest_passing(num_samples: Any, p: float, alpha: float) -> Counts:
    """The smallest k in [1, N+1] with P(X >= k) <= alpha, for each N, by bisection."""
    n = np.asarray(num_samples)
    fails, passes = np.zeros_like(n), n + 1
    while (passes - fails > 1).any():
        middle = (fails + passes) // 2
        small = upper_tail(middle, n, p) <= alpha
        fails, passes = np.where(small, fails, middle), np.where(small, middle, passes)
    return np.asarray(passes)


def success_probability(share: float, num_classes: int) -> float:
    """The chance of a right answer, of a model that knows a share and guesses the rest (eq. 3)."""
    return share + (1 - share) / num_classes


def share_of_success(probability: Any, num_classes: int) -> Values:
    """The inverse of :func:`success_probability`."""
    return np.asarray((num_classes * probability - 1) / (num_classes - 1))


def check_samples(num_samples: int) -> None:
    """Raise where N is no number of samples."""
    if not (num_samples >= 1 and num_samples % 1 == 0):
        raise UserError(f"num_samples is {num_samples}; it is a whole number of at least 1")


def check_classes(num_classes: int) -> None:
    """Raise where there is nothing to guess between."""
    if not (num_classes >= 2 and num_classes % 1 == 0):
        raise UserError(f"num_classes is {num_classes}; it is a whole number of at least 2")


def check_probability(name: str, value: float) -> None:
    """Raise where a probability is certain, or none."""
    if not 0 < value < 1:
        raise UserError(f"{name} is {value}; it lies between 0 and 1, both excluded")


def check_epsilon(epsilon: float, name: str = "epsilon") -> None:
    """Raise where there is no such share to be forgiven."""
    if not 0 <= epsilon < 1:
        raise UserError(f"{name} is {epsilon}; it is a share of at least 0 and below 1")


def check_share(share: float) -> None:
    """Raise where a memorised share is none."""
    if not 0 <= share <= 1:
        raise UserError(f"share is {share}; it lies between 0 and 1")


def check_counts(num_correct: Any, num_samples: int) -> Counts:
    """Counts of right answers as an array, once each is known to lie in [0, N]."""
    check_samples(num_samples)
    correct = np.asarray(num_correct)
    if not np.issubdtype(correct.dtype, np.integer):
        raise UserError(f"num_correct is of type {correct.dtype}; it counts, so give integers")
    wrong = correct[(correct < 0) | (correct > num_samples)]
    if wrong.size:
        raise UserError(
            f"num_correct is {wrong[0]}; it lies between 0 and num_samples={num_samples}"
        )
    return correct
