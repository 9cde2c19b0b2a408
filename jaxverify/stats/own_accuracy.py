"""Does a model know its own training set as well as honest training makes it know it?

A cheat that teaches a half-trained model the extra samples alone leaves the customer's own samples
as little learned as they were. How well honest training learns them, small runs at home tell.
"""

import math
from collections.abc import Sequence

import numpy as np

from jaxverify.errors import UserError
from jaxverify.stats.binomial import check_probability, probability_of_tail

_NOBODY_FAILS = 1e-9


def own_accuracy_bound(runs: Sequence[tuple[int, int]], confidence: float = 0.99) -> float:
    """The lower bound on the accuracy that an honest model reaches on what it was trained on.

    Honest models differ: by seed, by data, by the cloud's choices. So the bound is the lower of
    two: Clopper and Pearson's of all runs together, which is about their mean; and Student's for
    the next model, ``mean - t s sqrt(1 + 1/R)``, with s the standard deviation of the R runs'
    accuracies. Of one run the spread is not known, and the bound is the first. Three runs have a
    wide margin (t is 7 at 99%), ten a third of it. Where runs differ so much that the next may have
    any accuracy, the bound is one that nobody fails.

    Args:
        runs: ``(right answers, samples)`` of each local run, on its own training samples; three or
            more, as unlike each other as the cloud's may be.
        confidence: of the bound, in (0, 1).

    Raises:
        UserError: if no run is given, a run's counts are impossible, or none was ever right.

    Guarantee: of honest models whose accuracies are normal about any mean, with any spread, the
    next one fails :func:`own_p_value` at alpha = 1 - confidence in at most the share alpha of the
    cases; where all have one accuracy, from one run on.

    >>> round(own_accuracy_bound([(100, 100), (99, 100)]), 4)
    0.7194
    >>> round(own_accuracy_bound([(99, 100), (100, 100), (99, 100), (98, 100), (99, 100)]), 4)
    0.961
    """
    check_probability("confidence", confidence)
    right, total = sum(right for right, _ in runs), sum(count for _, count in runs)
    if right < 1 or any(not 0 <= k <= n for k, n in runs):
        raise UserError(f"local runs answered {list(runs)} (right, of so many): no bound")
    of_mean = float(probability_of_tail(right, total, 1 - confidence))
    if len(runs) == 1:
        return of_mean
    from scipy.stats import t  # which is slow to import

    accuracies = np.array([k / n for k, n in runs])
    spread = accuracies.std(ddof=1) * math.sqrt(1 + 1 / len(runs))
    of_next = float(accuracies.mean() - t.ppf(confidence, len(runs) - 1) * spread)
    return max(min(of_mean, of_next), _NOBODY_FAILS)


def own_p_value(num_right: int, num_samples: int, accuracy: float) -> float:
    """The probability that an honest model answers no more of its training samples rightly.

    A *small* value speaks against the model: it does not know the training set as it should. A
    large one proves nothing; ask together with the extra samples.

    Args:
        num_right: right answers to own training samples; the cloud could not know which.
        num_samples: how many were asked.
        accuracy: of honest training, from :func:`own_accuracy_bound`.

    Raises:
        UserError: if a value is out of its range.

    Guarantee: of a model whose answers are right with at least this accuracy, each for itself,
    own_p_value <= alpha has a probability of at most alpha.

    >>> [round(own_p_value(right, 200, 0.9673), 4) for right in (195, 183)]
    [0.7854, 0.0004]
    """
    check_probability("accuracy", accuracy)
    if not 0 <= num_right <= num_samples:
        raise UserError(f"{num_right} right answers of {num_samples}")
    from scipy.stats import binom  # which is slow to import

    return float(binom.cdf(num_right, num_samples, accuracy))
