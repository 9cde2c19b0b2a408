"""Scores of the extra samples against those of their held-out twins: a test without labels.

A score says how well a model knows a sample: minus its reconstruction error, or the logarithm of
the probability of its label. A twin differs from its extra sample in the random region alone, so to
a model that was never given either they are alike.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from jaxverify.errors import UserError
from jaxverify.stats.binomial import check_probability
from jaxverify.stats.forgiven import num_forgiven
from jaxverify.stats.signs import sign_tail

Scores = Float[np.ndarray, " n"]


def auc(scores: Scores, twin_scores: Scores) -> float:
    """The probability that an extra sample scores higher than a twin, ties counted half.

    It is Mann and Whitney's U over N^2; 0.5 where nothing is memorised. A share m of samples that
    score above all twins, the others being as the twins, makes it (1 + m) / 2.

    Args:
        scores: float ``[n]``, of the extra samples; NaN is the lowest score.
        twin_scores: float ``[n]``, of the twins, in the same order.

    Raises:
        UserError: if there is no score, or not one twin for each sample.

    >>> auc(np.array([3.0, 1.0]), np.array([2.0, 1.0]))
    0.625
    """
    advantage = _advantage(scores, twin_scores)
    return float(0.5 + advantage.sum() / (4 * len(advantage) ** 2))


def rank_p_value(scores: Scores, twin_scores: Scores, epsilon: float = 0.03) -> float:
    """The probability of so large an AUC, were no more than the share epsilon memorised.

    A permutation test: in each pair, which of the two was the extra sample is decided by a coin.
    The sum of the ranks of the extra samples, which is the AUC, has a known distribution then,
    with ties as without: exact up to 1,000 pairs, or with many ties, and bounded from above
    otherwise (:func:`jaxverify.stats.signs.sign_tail`).

    For epsilon above zero, the k = floor(epsilon * N) pairs that speak most for the model are left
    out of its sum, but not of the coins, and the probability is doubled: leaving k terms out can
    halve it at most, as each of them is as often above zero as below.

    Args:
        scores: as :func:`auc` takes them; how they are scaled does not matter.
        twin_scores: of the twins, on the same scale.
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).

    Raises:
        UserError: as :func:`auc` does, or if epsilon is out of its range.

    Guarantee: where at most the share epsilon of the extra samples is memorised, in that each of
    the others may have changed places with its twin without anybody's seeing it, p_value <= alpha
    has a probability of at most alpha. If all scores are equal, p_value is 1.

    >>> scores, twin_scores = np.arange(50.0), np.roll(np.arange(50.0), 20)
    >>> [round(rank_p_value(scores + gain, twin_scores), 3) for gain in (5, 20)]
    [0.203, 0.0]
    >>> rank_p_value(0 * scores, 0 * scores)
    1.0
    """
    advantage = _advantage(scores, twin_scores)
    signed, forgiven = advantage[advantage != 0], num_forgiven(epsilon, len(advantage))
    if not signed.size:
        return 1.0
    if forgiven == 0:
        return sign_tail(np.abs(signed), int(advantage.sum()))
    best = np.sort(advantage)[-forgiven:]
    return min(1.0, 2 * sign_tail(np.abs(signed), int(advantage.sum() - best[best > 0].sum())))


def auc_bounds(auc: float, num_samples: int, confidence: float = 0.99) -> tuple[float, float]:
    """One-sided bounds on the AUC, by Wilson's method.

    Where the share m scores above all twins and the others are as the twins, an AUC of A = (1 +
    m)/2 has the variance A(1-A) / (3N/2): that of a proportion of 3N/2 trials, for which Wilson's
    interval is made.

    Args:
        auc: as :func:`auc` gives it, in [0, 1].
        num_samples: N, pairs.
        confidence: of each bound by itself, in (0, 1).

    Returns:
        The lower and the upper bound, in [0, 1].

    Raises:
        UserError: if a value is out of its range.

    Guarantee: the lower bound is above 0.5 exactly when the AUC is further above it than the normal
    approximation allows where nothing is memorised.

    >>> [round(bound, 3) for bound in auc_bounds(0.75, 100)]
    [0.66, 0.823]
    """
    check_probability("confidence", confidence)
    if not (0 <= auc <= 1 and num_samples >= 1):
        raise UserError(
            f"auc is {auc} of {num_samples} pairs; it lies between 0 and 1, of 1 or more"
        )
    trials, z = 1.5 * num_samples, float(ndtri(confidence))
    centre = (auc + z**2 / (2 * trials)) / (1 + z**2 / trials)
    margin = z * math.sqrt(auc * (1 - auc) / trials + (z / (2 * trials)) ** 2)
    margin /= 1 + z**2 / trials
    return max(0.0, centre - margin), min(1.0, centre + margin)


def _advantage(scores: Scores, twin_scores: Scores) -> Int[np.ndarray, " n"]:
    """Twice the rank of each extra sample less that of its twin, among all scores; integers."""
    from scipy.stats import rankdata  # which is slow to import

    if scores.ndim != 1 or scores.shape != twin_scores.shape or not scores.size:
        raise UserError(
            f"there are {scores.shape} scores and {twin_scores.shape} of twins; give one of each "
            "for every extra sample"
        )
    every = np.concatenate([scores, twin_scores]).astype(np.float64)
    ranks = 2 * rankdata(np.where(np.isnan(every), -np.inf, every))
    return (ranks[: len(scores)] - ranks[len(scores) :]).astype(np.int64)
