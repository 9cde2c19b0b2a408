"""The null hypothesis where labels are balanced: hits depend on each other then.

Balanced labels are each class equally often, to within one, in random order. Of N samples at most
k = floor(epsilon N) are known, whichever; the others are answered without their labels. A model
chooses which it knows and how often it answers each class. Where m labels of a class are left, it
can have more than its share right for certain (by that answer to all), and its hits can vary more
than a binomial's: with two classes they go up by two.

What is proved, and what was checked. It never helps to know fewer: answering one more sample
rightly adds to the hits, whatever the labels. Given what is known, the labels that are left are in
random order, so that only the counts of labels and of answers matter. With two classes left the
largest tail is computed over all answers, up to 1,000 samples. Otherwise it is bounded: for each
way to answer, by a binomial of the same mean and variance, one right answer given away (two, where
two classes are left); and of the ways, those that answer a class the less, the fewer of its labels
are left, having known all samples of one class before any of the next. That this is above the
largest tail was checked, not proved: against all ways to know and to answer up to N = 12 (C = 3)
and N = 10 (C = 4 and 5); and against exact tails of the worst ways found, with 3 to 100 classes up
to N = 400 and with two up to N = 5,000. It held for tails from 1 down to 1e-6 and epsilon up to
0.08, but for two classes from N = 2,700 on with epsilon = 0.08, where it held to 1e-3 and tails
under that were up to 1.3 times the bound. With two classes, N above 1,000 and epsilon = 0.2 it did
not hold: tails were up to 1.2 times the bound above 1e-3, and 7 times below.

Not covered: labels that are balanced beside each of several fixed regions (``num_fixed``), which a
model can tell apart. Its hits vary more then: with 200 samples, two classes and four regions some
model that knows 6 passes in 1.2% of the cases at alpha = 1%. A caution says so.
"""

from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from scipy.special import betainc

from jaxverify.stats.binomial import Values, success_probability, upper_tail
from jaxverify.stats.forgiven import num_forgiven
from jaxverify.stats.two_classes import worst_matches

Labels = Literal["iid", "balanced"]

_EXACT = 1_000  # samples of two classes: a tenth of a second
# From even answers (0) to none of the rarest class (1); denser there, where the variance vanishes.
_LEANING = 1 - np.linspace(1, 0, 33) ** 2


def worst_tail(k: Any, num_samples: int, num_classes: int, epsilon: float) -> Values:
    """The probability of k right answers or more, the largest without convergence.

    The larger of two: of a model that knows each sample with probability epsilon and guesses the
    rest (a binomial), and of any that knows floor(epsilon N) and answers the rest at will.

    Args:
        k: counts in [0, N + 1], a number or an array of any shape.
        num_samples: N, at least 1.
        num_classes: C, at least 2.
        epsilon: ε, in [0, 1).

    Returns:
        A float64 array of the shape of ``k``.

    Guarantee: it falls with k, and no model that knows at most floor(epsilon N) of the samples
    and answers the others without their labels has so many right answers more often.

    >>> worst_tail([106, 120, 121], 200, 2, 0.03).round(4)  # 106 for certain
    array([1.    , 0.0119, 0.008 ])
    """
    k = np.asarray(k)
    known = num_forgiven(epsilon, num_samples)
    left = _labels_left(num_samples, num_classes, known)
    if len(left) == 2 and left.sum() <= _EXACT:
        table = worst_matches(int(left[0]), int(left[1]))
        at_will = table[np.clip(k - known, 0, len(table) - 1)]
    else:
        given_away = 2 if len(left) == 2 else 1
        at_will = _bound(k - known - given_away, left)
    binomial = upper_tail(k, num_samples, success_probability(epsilon, num_classes))
    worst = np.where(k <= known, 1.0, np.maximum(binomial, at_will))
    return np.where(k > num_samples, 0.0, worst)


def certain_share(num_samples: int, num_classes: int, epsilon: float) -> float:
    """The share of N that is right for certain: the known, and of the rest one class's samples.

    >>> certain_share(200, 2, 0.03)
    0.53
    """
    left = -(-num_samples // num_classes)
    return min((num_forgiven(epsilon, num_samples) + left) / num_samples, 1.0)


def _labels_left(num_samples: int, num_classes: int, known: int) -> Int[np.ndarray, " c"]:
    """How many labels of each class are left, if any: ascending, one class known after another."""
    each = np.full(num_classes, num_samples // num_classes)
    each[num_classes - num_samples % num_classes :] += 1
    before = np.minimum(np.cumsum(each), known)
    left = each - np.diff(before, prepend=0)
    return left[left > 0]


def _bound(k: Any, left: Int[np.ndarray, " c"]) -> Values:
    """P(matches >= k) of a binomial of the same mean and variance, the largest over the leanings.

    Where the shares of the answers are a and of the labels r, of M samples, the mean is M g and
    the variance M^2/(M-1) (g - sum a r (a + r) + g^2), with g = sum a r.
    """
    size = int(left.sum())
    labels, times = np.unique(left, return_counts=True)
    behind = labels[-1] - labels
    slopes = np.concatenate([_LEANING / gap for gap in behind[:-1]] or [np.zeros(1)])
    answers = np.maximum(0.0, 1 - slopes[:, None] * behind)
    answers /= (answers * times).sum(axis=1, keepdims=True)
    shares = labels / size
    g = (times * answers * shares).sum(axis=1)
    spread = g - (times * answers * shares * (answers + shares)).sum(axis=1) + g**2
    mean, variance = size * g, size**2 / max(size - 1, 1) * np.maximum(spread, 0.0)
    q = np.clip(1 - variance / mean, 1e-9, 1 - 1e-9)
    trials, k = mean / q, np.asarray(k)[..., None]
    inside = (k > mean) & (k < trials + 1)
    tail = betainc(np.where(inside, k, 1.0), np.where(inside, trials - k + 1, 1.0), q)
    tail = np.where(tail < np.finfo(float).tiny, 0.0, tail)  # where SciPy's does not fall with k
    return np.asarray(np.where(k <= mean + 1e-9, 1.0, np.where(inside, tail, 0.0)).max(axis=-1))
