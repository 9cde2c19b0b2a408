"""Detect answers whose classes were mixed up."""

import math

import numpy as np
from jaxtyping import Int

_RARE = 1e-4
TELLING = 30  # answers that are enough to tell, whatever the number of classes


def misread(
    answers: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], num_classes: int
) -> str | None:
    """What to say where the classes are likely misread, or None.

    Either far fewer answers are right than by guessing, or another one-to-one order of the classes
    makes far more of them right than chance does in any order.

    Args:
        answers: class indices, below 0 where there is none.
        labels: those of the extra samples.
        num_classes: C.

    Guarantee: of answers given without the labels it says something in at most 2 of 10,000 cases,
    where the labels are independent.

    >>> labels = np.arange(300) % 4
    >>> misread((labels + 1) % 4, labels, 4)
    'The classes are likely misread: 0 of 300 answers are right, where guessing gives 75. In \
another one-to-one order of the classes 300 would be: see --class-order and --answers.'
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binom

    given = answers >= 0
    answers, labels = answers[given], labels[given]
    n, right = len(labels), int((answers == labels).sum())
    if n == 0:
        return None
    pairs = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(pairs, (answers, labels), 1)
    best = int(pairs[linear_sum_assignment(pairs, maximize=True)].sum())
    # By Bonferroni over all orders: the logarithm of C! at C classes.
    order = binom.logsf(best - 1, n, 1 / num_classes) + math.lgamma(num_classes + 1)
    fits = best > right and order < math.log(_RARE)
    if not fits and binom.cdf(right, n, 1 / num_classes) > _RARE:
        return None
    text = (
        f"The classes are likely misread: {right:,} of {n:,} answers are right, where guessing "
        f"gives {n / num_classes:,.0f}."
    )
    if fits:
        text += f" In another one-to-one order of the classes {best:,} would be:"
        return f"{text} see --class-order and --answers."
    return f"{text} Look at what the model answers, and at --answers."
