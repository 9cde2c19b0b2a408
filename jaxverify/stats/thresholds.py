"""Does a number of right answers reject "not converged"? The test that the paper proposes.

What it cannot do: it takes guesses to be independent of the labels. Labels drawn independently
of each other ("iid") fall unequally often, and a model trained on them can prefer the commonest.
One that knows each sample with probability epsilon = 0.03 and answers the commonest label
otherwise passes at alpha = 0.01 in 7.1% of the cases (C = 10, N = 400), 8.9% (100, 400), 3.7% (4,
960) or 1.9% (2, 200). "Balanced" labels make a constant answer right exactly N/C times and keep
such a model within alpha, whatever it answers: hits depend on each other then, and the tail is that
of :mod:`jaxverify.stats.balanced`. :func:`jaxverify.stats.permutation_p_value` never passes a
constant answer, whatever the labels.
"""

import math
from dataclasses import dataclass
from typing import Any

from jaxverify.errors import UserError
from jaxverify.stats.balanced import Labels, worst_tail
from jaxverify.stats.binomial import (
    Counts,
    Values,
    check_classes,
    check_counts,
    check_epsilon,
    check_probability,
    check_samples,
    probability_of_tail,
    share_of_success,
    smallest_passing,
    success_probability,
    upper_tail,
)

_MOST_TRIED = 100_000  # samples


@dataclass(frozen=True)
class Threshold:
    """What a model must exceed to pass.

    Attributes:
        count: k*, the smallest k with P(X > k) <= alpha; a model passes when N_c > k*.
        accuracy: T = k* / N (eq. 5).
        size: P(X > k*), the probability of a wrong pass when the null hypothesis just holds; at
            most alpha, and below it for the most part, as X is discrete. With balanced labels the
            largest of all models not converged, or a bound on it.
        null_probability: p (eq. 3).
    """

    count: int
    accuracy: float
    size: float
    null_probability: float


def null_probability(num_classes: int, epsilon: float = 0.03) -> float:
    """The probability p = ε + (1-ε)/C that a model not yet converged answers right (eq. 3).

    Args:
        num_classes: C, at least 2.
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).

    Raises:
        UserError: if a value is out of its range.

    >>> round(null_probability(10), 4)
    0.127
    """
    check_classes(num_classes)
    check_epsilon(epsilon)
    return success_probability(epsilon, num_classes)


def null_tail(
    k: Any, num_samples: int, num_classes: int, epsilon: float, labels: Labels = "iid"
) -> Values:
    """P(X >= k) without convergence; with balanced labels the largest that it can be."""
    p = null_probability(num_classes, epsilon)
    if labels == "iid":
        return upper_tail(k, num_samples, p)
    if labels == "balanced":
        return worst_tail(k, num_samples, num_classes, epsilon)
    raise UserError(f"labels is {labels!r}; it is 'iid' or 'balanced'")


def threshold(
    num_samples: int,
    num_classes: int,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    labels: Labels = "iid",
) -> Threshold:
    """The number of right answers that a model must exceed (eqs. 4 and 5).

    Args:
        num_samples: N, at least :func:`smallest_num_samples`.
        num_classes: C, at least 2.
        alpha: the significance level, in (0, 1).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Raises:
        UserError: if a value is out of its range, or if N is so small that N right answers of N
            still are likelier than alpha under the null hypothesis.

    Guarantee: P(X > count) <= alpha < P(X > count - 1).

    >>> limit = threshold(400, 10)
    >>> limit.count, limit.accuracy, round(limit.size, 4)
    (67, 0.1675, 0.0077)
    >>> threshold(200, 2).count, threshold(200, 2, labels="balanced").count
    (119, 120)
    """
    check_samples(num_samples)
    check_probability("alpha", alpha)
    p = null_probability(num_classes, epsilon)
    passing = smallest_passing_count(num_samples, num_classes, alpha, epsilon, labels)
    if passing > num_samples:
        raise UserError(
            f"num_samples is {num_samples}; with {num_classes} classes, alpha={alpha} and "
            f"epsilon={epsilon} no model can pass, use at least "
            f"{smallest_num_samples(num_classes, alpha, epsilon, labels)}"
        )
    size = float(null_tail(passing, num_samples, num_classes, epsilon, labels))
    return Threshold(passing - 1, (passing - 1) / num_samples, size, p)


def smallest_passing_count(
    num_samples: int, num_classes: int, alpha: float, epsilon: float, labels: Labels
) -> int:
    """The smallest k in [1, N+1] with P(X >= k) <= alpha, by bisection."""
    if labels == "iid":
        return int(smallest_passing(num_samples, null_probability(num_classes, epsilon), alpha))
    fails, passes = 0, num_samples + 1
    while passes - fails > 1:
        middle = (fails + passes) // 2
        if null_tail(middle, num_samples, num_classes, epsilon, labels) <= alpha:
            passes = middle
        else:
            fails = middle
    return passes


def smallest_num_samples(
    num_classes: int, alpha: float = 0.01, epsilon: float = 0.03, labels: Labels = "iid"
) -> int:
    """The smallest N with which a pass is possible at all: p^N <= alpha, for labels "iid".

    Args:
        num_classes: C, at least 2.
        alpha: the significance level, in (0, 1).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Raises:
        UserError: if a value is out of its range.

    Guarantee: :func:`threshold` accepts this N, and no smaller one; with balanced labels not the
    one before.

    >>> smallest_num_samples(2)
    7
    """
    check_probability("alpha", alpha)
    p = null_probability(num_classes, epsilon)
    n = max(math.floor(math.log(alpha) / math.log(p)), 1)  # at most one short, even when rounded
    if labels == "balanced":
        return _smallest_balanced(n, num_classes, alpha, epsilon)
    while upper_tail(n, n, p) > alpha:
        n += 1
    return n


def _smallest_balanced(least: int, num_classes: int, alpha: float, epsilon: float) -> int:
    def passes(n: int) -> bool:
        return bool(null_tail(n, n, num_classes, epsilon, "balanced") <= alpha)

    fails, n = least - 1, least
    while not passes(n):
        fails, n = n, 2 * n
        if n > _MOST_TRIED:
            raise UserError(
                f"epsilon is {epsilon}; a model that knows so many of balanced labels of "
                f"{num_classes} classes may have nearly all others right for certain, so that no N "
                "will do: lower epsilon"
            )
    while n - fails > 1:
        middle = (fails + n) // 2
        fails, n = (fails, middle) if passes(middle) else (middle, n)
    return n


def p_value(
    num_correct: int | Counts,
    num_samples: int,
    num_classes: int,
    epsilon: float = 0.03,
    labels: Labels = "iid",
) -> Values:
    """The probability P(X >= N_c) of so many right answers, or more, without convergence.

    Args:
        num_correct: N_c in [0, N], a number or an array of any shape.
        num_samples: N, at least 1.
        num_classes: C, at least 2.
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Returns:
        A float64 array of the shape of ``num_correct``.

    Raises:
        UserError: if a value is out of its range.

    Guarantee: p_value <= alpha exactly when num_correct > threshold.count.

    >>> import numpy as np
    >>> p_value(np.array([0, 67, 68]), 400, 10).round(4)
    array([1.    , 0.0112, 0.0077])
    """
    correct = check_counts(num_correct, num_samples)
    return null_tail(correct, num_samples, num_classes, epsilon, labels)


def memorised_share(num_correct: int | Counts, num_samples: int, num_classes: int) -> Values:
    """The estimated share m of the extra samples that a model knows, guessing the rest.

    It solves N_c/N = m + (1-m)/C, is unbiased, and so is negative where fewer answers are right
    than guessing would give.

    Args:
        num_correct: N_c in [0, N], a number or an array of any shape.
        num_samples: N, at least 1.
        num_classes: C, at least 2.

    Returns:
        A float64 array of the shape of ``num_correct``, in [-1/(C-1), 1].

    Raises:
        UserError: if a value is out of its range.

    >>> import numpy as np
    >>> memorised_share(np.array([40, 67, 400]), 400, 10)
    array([0.   , 0.075, 1.   ])
    """
    check_classes(num_classes)
    return share_of_success(check_counts(num_correct, num_samples) / num_samples, num_classes)


def memorised_bounds(
    num_correct: int | Counts, num_samples: int, num_classes: int, confidence: float = 0.99
) -> tuple[Values, Values]:
    """One-sided Clopper-Pearson bounds on the memorised share m.

    They are not clipped at 0: a negative bound says that fewer answers are right than guessing
    would give, and a lower bound raised to 0 would reach an epsilon of 0 without a pass.

    Args:
        num_correct: N_c in [0, N], a number or an array of any shape.
        num_samples: N, at least 1.
        num_classes: C, at least 2.
        confidence: of each bound by itself, in (0, 1).

    Returns:
        The lower and the upper bound, float64 arrays of the shape of ``num_correct``, in
        [-1/(C-1), 1].

    Raises:
        UserError: if a value is out of its range.

    Guarantee: each bound holds with at least the given confidence, whatever m is; and lower >=
    epsilon exactly when p_value <= 1 - confidence, exactly when a model passes at alpha = 1 -
    confidence, for labels "iid". (Bounds are found by inversion: where p_value and alpha agree to
    nine digits, rounding may part them. p_value and threshold agree always.)

    >>> import numpy as np
    >>> lower, upper = memorised_bounds(np.array([67, 68]), 400, 10)
    >>> lower.round(4), upper.round(4)
    (array([0.0292, 0.0317]), array([0.1283, 0.1313]))
    """
    check_classes(num_classes)
    check_probability("confidence", confidence)
    correct = check_counts(num_correct, num_samples)
    lower = probability_of_tail(correct, num_samples, 1 - confidence)
    upper = probability_of_tail(correct + 1, num_samples, confidence)
    return share_of_success(lower, num_classes), share_of_success(upper, num_classes)
