"""Was a model trained on the samples that it was given, and how well does it know each dose?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jaxverify.errors import UserError
from jaxverify.stats.thresholds import memorised_bounds, memorised_share


def used_p_value(right: Bool[np.ndarray, " n"], doses: Int[np.ndarray, " n"]) -> float:
    """The probability of so many right answers to samples that were given, had none been used.

    Of R right answers in all, to N samples of which G were given, the number to given ones is
    hypergeometric if the doses were dealt out at random and the model knows nothing of them.

    Args:
        right: whether the answer to each sample is right.
        doses: of each sample; of dose 0 are those that nobody was given.

    Raises:
        UserError: if there is no sample of dose 0, or none of another.

    Guarantee: if the doses were dealt out at random, and the answers do not depend on who got
    which, p_value <= alpha has a probability of at most alpha, whatever the classes, the model's
    bias for some of them, and the dependence between answers.

    >>> doses = np.array([0, 1] * 20)
    >>> round(used_p_value(doses == 1, doses), 13), used_p_value(doses >= 0, doses)
    (7.3e-12, 1.0)
    """
    given = np.asarray(doses) > 0
    if len(right) != len(given):
        raise UserError(f"there are {len(right)} answers and {len(given)} doses")
    if given.all() or not given.any():
        raise UserError("a control is missing: some samples must be of dose 0, and some of others")
    from scipy.stats import hypergeom  # which is slow to import

    hits = int(np.sum(np.asarray(right) & given))
    return float(hypergeom.sf(hits - 1, len(given), int(np.sum(right)), int(given.sum())))


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
