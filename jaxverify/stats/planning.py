"""How large must the extra task be? The power of the binomial test, and its inverses."""

import math

import numpy as np

from jaxverify.errors import UserError
from jaxverify.stats.balanced import Labels
from jaxverify.stats.binomial import (
    check_probability,
    check_share,
    probability_of_tail,
    share_of_success,
    smallest_passing,
    success_probability,
    upper_tail,
)
from jaxverify.stats.thresholds import null_probability, smallest_passing_count, threshold

_MOST_SAMPLES = 200_000  # planned for in about three seconds, and 0.8% of 25 million


def power(
    share: float,
    num_samples: int,
    num_classes: int,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    labels: Labels = "iid",
) -> float:
    """The probability that a model passes which knows a share of the samples and guesses the rest.

    Args:
        share: m, the memorised share, in [0, 1].
        num_samples: N, at least :func:`smallest_num_samples`.
        num_classes: C, at least 2.
        alpha: the significance level, in (0, 1).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Raises:
        UserError: as :func:`threshold` does, or if share is out of its range.

    Guarantee: at ``share=epsilon`` it is the size of the test, for labels "iid", and no more than
    the size for balanced ones; it grows with the share.

    >>> round(power(0.1043, 400, 10), 3)
    0.9
    """
    check_share(share)
    passing = threshold(num_samples, num_classes, alpha, epsilon, labels).count + 1
    return float(upper_tail(passing, num_samples, success_probability(share, num_classes)))


def detectable_share(
    num_samples: int,
    num_classes: int,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    power: float = 0.9,
    labels: Labels = "iid",
) -> float:
    """The smallest memorised share with which a model passes with the given power.

    Args:
        num_samples: N, at least :func:`smallest_num_samples`.
        num_classes: C, at least 2.
        alpha: the significance level, in (0, 1).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        power: the probability of a pass, in (0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Raises:
        UserError: as :func:`threshold` does, or if power is out of its range.

    Guarantee: it inverts :func:`power`, and is 0 where guessing already has that power.

    >>> round(detectable_share(400, 10), 4)
    0.1043
    """
    check_probability("power", power)
    passing = threshold(num_samples, num_classes, alpha, epsilon, labels).count + 1
    probability = probability_of_tail(passing, num_samples, power)
    return max(float(share_of_success(probability, num_classes)), 0.0)


def required_num_samples(
    share: float,
    num_classes: int,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    power: float = 0.9,
    labels: Labels = "iid",
) -> int:
    """The smallest N from which on *every* number of samples has the given power.

    Power is a saw-tooth in N: it falls wherever one more right answer is called for, so that a
    smaller N may have the power by luck and N + 1 lose it again.

    Args:
        share: m, the memorised share, in (epsilon, 1].
        num_classes: C, at least 2.
        alpha: the significance level, in (0, 1).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        power: the probability of a pass, in (0, 1).
        labels: "iid" or "balanced", as the extra task has them.

    Raises:
        UserError: if a value is out of its range, or if the share lies so close to epsilon that
            more than 200,000 samples might be needed to tell them apart.

    Guarantee: power(share, n) >= power for every n >= N, and not for n = N - 1.

    >>> required_num_samples(0.1, num_classes=10)
    454
    """
    check_share(share)
    check_probability("alpha", alpha)
    check_probability("power", power)
    p, q = null_probability(num_classes, epsilon), success_probability(share, num_classes)
    if share <= epsilon:
        raise UserError(f"share is {share}; only one above epsilon={epsilon} can be told from it")

    # Bernstein's inequality: X reaches Np + t with a probability of at most alpha, and under the
    # share X falls to Nq - u with at most 1 - power, for
    #     t = sqrt(2 a N p(1-p)) + 2a/3, a = -log(alpha), and u alike. The power holds for good
    # once N(q-p) >= t + u, which is quadratic in sqrt(N).
    a, b = -math.log(alpha), -math.log1p(-power)
    spread = math.sqrt(2 * a * p * (1 - p)) + math.sqrt(2 * b * q * (1 - q))
    root = (spread + math.sqrt(spread**2 + 8 / 3 * (a + b) * (q - p))) / (2 * (q - p))
    if root**2 > _MOST_SAMPLES:
        raise UserError(
            f"share is {share}, too close to epsilon={epsilon}: up to {root**2:,.0f} samples might "
            f"be needed to tell them apart, and {_MOST_SAMPLES:,} are the limit; raise the share"
        )
    candidates = np.arange(1, math.ceil(root**2) + 1)
    short = upper_tail(smallest_passing(candidates, p, alpha), candidates, q) < power
    independent = 1 + int(candidates[short].max(initial=0))
    if labels == "iid":
        return independent
    return _required_balanced(independent, q, num_classes, alpha, epsilon, power)


def _required_balanced(
    least: int, q: float, num_classes: int, alpha: float, epsilon: float, target: float
) -> int:
    """The same for balanced labels, which call for ``least`` samples or more.

    With two right answers more than a pass takes, N has the power for good: by so much the power's
    saw-tooth is below its trend. From there down to the first N without it.
    """

    def has_power(n: int, more: int = 0) -> bool:
        passing = smallest_passing_count(n, num_classes, alpha, epsilon, "balanced")
        return bool(upper_tail(passing + more, n, q) >= target)

    fails, n = least - 1, least
    while not has_power(n, 2):
        fails, n = n, n + max(n // 8, 1)
        if n > _MOST_SAMPLES:
            raise UserError(
                f"epsilon is {epsilon}, and balanced labels call for more than {_MOST_SAMPLES:,} "
                "samples to tell the share from it; raise the share"
            )
    while n - fails > 1:
        middle = (fails + n) // 2
        fails, n = (fails, middle) if has_power(middle, 2) else (middle, n)
    while n > least and has_power(n - 1):
        n -= 1
    return n
