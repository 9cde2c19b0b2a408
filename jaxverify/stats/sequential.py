"""Evidence that may be looked at after every answer, and acted on at any time.

A binomial test counts once, at an N fixed before. Evidence here is a betting score: the likelihood
of the answers so far under all larger probabilities of a right answer, in equal parts, over their
likelihood under the null hypothesis (Robbins' mixture). Under the null it is a non-negative
supermartingale that starts at 1, so that it *ever* reaches 1/alpha with a probability of at most
alpha (Ville's inequality), however one decides when to stop.
"""

from typing import Any

import numpy as np
from scipy.special import betainc, betaincc, betaln

from jaxverify.errors import UserError
from jaxverify.stats.balanced import certain_share
from jaxverify.stats.binomial import Counts, Values, check_share, success_probability
from jaxverify.stats.thresholds import null_probability


def evidence_of_convergence(
    num_correct: int | Counts,
    num_asked: int | Counts,
    num_classes: int,
    epsilon: float = 0.03,
    num_balanced: int | None = None,
) -> Values:
    """The natural logarithm of the evidence against "not converged".

    With balanced labels an answer's chance to be right depends on the answers before it. There the
    evidence is against p = (floor(ε N) + ceil(N/C)) / N, what a model has right for certain that
    knows the share ε and answers one class to all others: a little more than eq. 3 has.

    Args:
        num_correct: right answers so far, in [0, num_asked]; a number or an array of any shape.
        num_asked: answers so far, of the same shape.
        num_classes: C, at least 2.
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        num_balanced: N, where labels are balanced over N samples, and these are asked in random
            order; None where labels are independent.

    Returns:
        A float64 array of that shape; 0 before the first answer, -inf where it is too small.

    Raises:
        UserError: if a value is out of its range.

    Guarantee: where each answer is right with a probability of at most ε + (1-ε)/C, whatever the
    answers before it, the evidence ever reaches log(1/alpha) with a probability of at most alpha.
    The same holds with balanced labels, where a model knows at most floor(ε N) and answers the
    others without their labels. (Computed, not proved, for alpha from 1e-4 to 0.1: see the tests.)

    >>> evidence_of_convergence(np.array([0, 3, 8]), np.array([0, 8, 8]), 10).round(2)
    array([ 0.  ,  0.76, 14.45])
    """
    p = null_probability(num_classes, epsilon)
    if num_balanced is not None:
        p = max(p, certain_share(num_balanced, num_classes, epsilon))
        if p == 1:  # nothing is evidence against what has all right
            return np.zeros(np.shape(num_correct))
    right, wrong = _counts(num_correct, num_asked)
    with np.errstate(divide="ignore"):
        above = np.log(betaincc(right + 1, wrong + 1, p))
    return np.asarray(_log_mixture(right, wrong, above, p) - np.log(1 - p))


def evidence_against(
    num_correct: int | Counts, num_asked: int | Counts, num_classes: int, share: float
) -> Values:
    """The natural logarithm of the evidence against "knows at least ``share`` of the samples".

    Args:
        num_correct: as :func:`evidence_of_convergence` takes it.
        num_asked: as :func:`evidence_of_convergence` takes it.
        num_classes: C, at least 2.
        share: m, the share that a finished model knows at least, in [0, 1].

    Returns:
        A float64 array of the shape of the counts.

    Raises:
        UserError: if a value is out of its range.

    Guarantee: where each answer is right with a probability of at least m + (1-m)/C, whatever the
    answers before it, the evidence ever reaches log(1/alpha) with a probability of at most alpha.
    """
    check_share(share)
    q = success_probability(share, num_classes)
    right, wrong = _counts(num_correct, num_asked)
    if q == 1:  # such a model makes no mistake
        return np.where(wrong > 0, np.inf, betaln(right + 1, 1))
    with np.errstate(divide="ignore"):
        below = np.log(betainc(right + 1, wrong + 1, q))
    return np.asarray(_log_mixture(right, wrong, below, q) - np.log(q))


def _log_mixture(right: Counts, wrong: Counts, tail: Any, p: float) -> Any:
    """Log of the integral of x^right (1-x)^wrong over a part, over the same at p."""
    return betaln(right + 1, wrong + 1) + tail - right * np.log(p) - wrong * np.log1p(-p)


def _counts(num_correct: int | Counts, num_asked: int | Counts) -> tuple[Counts, Counts]:
    right, asked = np.asarray(num_correct), np.asarray(num_asked)
    if ((right < 0) | (right > asked)).any():
        raise UserError(f"{num_correct} right answers of {num_asked}: give no more than were asked")
    return right, np.asarray(asked - right)
