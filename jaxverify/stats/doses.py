"""Was a model trained on the samples that it was given, and how well does it know each dose?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jaxverify.errors import UserError
from jaxverify.stats.thresholds import memorised_bounds, memorised_share


def used_p_value(
    right: Bool[np.ndarray, " n"],
    doses: Int[np.ndarray, " m"],
    labels: Int[np.ndarray, " n"] | None = None,
    num_permutations: int = 9_999,
) -> float:
    """The probability of right answers that lean so far to high doses, had none been given.

    Each right answer counts with the rank of its dose, 0 for the lowest. R times as many right
    answers are dealt out at random among the samples, or among those of each label, and counted
    alike; (1 + how often they count as much) / (1 + R) is the p-value.

    Args:
        right: whether the answer to each sample is right.
        doses: of each sample; of dose 0 are those that nobody was given.
        labels: of each sample, if the doses were dealt out beside each of them by itself.
        num_permutations: R; no p-value is smaller than 1 / (1 + R).

    Raises:
        UserError: if there is no sample of dose 0, or none of another, or not a dose an answer.

    Guarantee: if the doses were dealt out at random, and the answers do not depend on who got
    which, p_value <= alpha has a probability of at most alpha, whatever the classes, the model's
    bias for some of them, and the dependence between answers.

    >>> doses = np.array([0, 1, 4] * 20)
    >>> used_p_value(doses == 4, doses), used_p_value(doses >= 0, doses)
    (0.0001, 1.0)
    """
    right, doses = np.asarray(right), np.asarray(doses)
    if len(right) != len(doses):
        raise UserError(f"there are {len(right)} answers and {len(doses)} doses")
    if not (doses == 0).any() or not doses.any():
        raise UserError("a control is missing: some samples must be of dose 0, and some of others")
    ranks = np.unique(doses, return_inverse=True)[1]
    observed, weights = int(ranks[right].sum()), np.arange(ranks.max() + 1)
    # The same for the same answers: the doses themselves are the randomness of the test.
    rng, total = np.random.default_rng(0), np.zeros(num_permutations, np.int64)
    for label in (None,) if labels is None else np.unique(labels):
        among = slice(None) if label is None else np.asarray(labels) == label
        sizes = np.bincount(ranks[among], minlength=len(weights))
        dealt = rng.multivariate_hypergeometric(sizes, int(right[among].sum()), num_permutations)
        total += dealt @ weights
    return float((1 + np.sum(total >= observed)) / (1 + num_permutations))


class DoseResponse(NamedTuple):
    """How well the samples of one dose are known.

    Attributes:
        dose: copies of each in the upload.
        num_correct: right answers.
        num_samples: that were asked.
        share: the estimated share that is known, the others guessed.
        lower: its lower bound, one-sided.
        upper: its upper bound.
    """

    dose: int
    num_correct: int
    num_samples: int
    share: float
    lower: float
    upper: float


def dose_response(
    right: Bool[np.ndarray, " n"],
    doses: Int[np.ndarray, " n"],
    num_classes: int,
    confidence: float = 0.99,
) -> list[DoseResponse]:
    """What is known of each dose, ascending.

    Args:
        right: whether the answer to each sample is right.
        doses: of each sample.
        num_classes: C, at least 2.
        confidence: of each bound by itself.

    >>> rows = dose_response(np.arange(40) % 4 > 1, np.arange(40) % 4 // 2, num_classes=10)
    >>> [(row.dose, row.num_correct, row.num_samples) for row in rows]
    [(0, 0, 20), (1, 20, 20)]
    """
    rows = []
    for dose in np.unique(doses):
        of = np.asarray(doses) == dose
        n, hits = int(of.sum()), int(np.sum(np.asarray(right) & of))
        lower, upper = memorised_bounds(hits, n, num_classes, confidence)
        share = float(memorised_share(hits, n, num_classes))
        rows.append(DoseResponse(int(dose), hits, n, share, float(lower), float(upper)))
    return rows
