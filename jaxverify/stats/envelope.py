"""Does a model know its own training set as well as honest training makes it know it?

A cheat that teaches a half-trained model the extra samples alone leaves the customer's own samples
as little learned as they were. How well honest training learns them, small runs at home tell.
"""

from collections.abc import Sequence

from jaxverify.errors import UserError
from jaxverify.stats.binomial import check_probability, probability_of_tail


def own_accuracy_bound(runs: Sequence[tuple[int, int]], confidence: float = 0.99) -> float:
    """The lower bound on the accuracy that honest models reach on what they were trained on.

    Clopper and Pearson's, of all runs together.

    Args:
        runs: ``(right answers, samples)`` of each local run, on its own training samples.
        confidence: of the bound, in (0, 1).

    Raises:
        UserError: if no run is given, a run's counts are impossible, or none was ever right.

    Guarantee: where every answer is right with one probability, the bound lies above it with a
    probability of at most 1 - confidence.

    >>> round(own_accuracy_bound([(100, 100), (99, 100)]), 4)
    0.9673
    """
    check_probability("confidence", confidence)
    right, total = sum(right for right, _ in runs), sum(count for _, count in runs)
    if right < 1 or any(not 0 <= k <= n for k, n in runs):
        raise UserError(f"local runs answered {list(runs)} (right, of so many): no bound")
    return float(probability_of_tail(right, total, 1 - confidence))


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
