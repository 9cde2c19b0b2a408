"""Extra samples against held-out twins: a comparison that assumes neither epsilon nor C."""

from scipy.stats import hypergeom

from jaxverify.errors import UserError


def twin_p_value(num_correct: int, num_correct_twins: int, num_samples: int) -> float:
    """The probability of so many right answers to the uploaded samples, were they as the twins.

    Fisher's exact test, one-sided: of 2N samples K were answered rightly, and which N of them were
    uploaded was drawn at random.

    Args:
        num_correct: right answers to the uploaded samples, in [0, N].
        num_correct_twins: to the twins, likewise.
        num_samples: N, of each.

    Raises:
        UserError: if a count is out of its range.

    Guarantee: where an uploaded sample is answered rightly no more often than a twin, and
    independently of the others, p_value <= alpha has a probability of at most alpha.

    >>> round(twin_p_value(20, 10, 100), 4)
    0.0367
    """
    if (
        not 0
        <= min(num_correct, num_correct_twins)
        <= max(num_correct, num_correct_twins)
        <= (num_samples)
    ):
        raise UserError(
            f"{num_correct} and {num_correct_twins} right answers; each is at most {num_samples}"
        )
    total = num_correct + num_correct_twins
    return float(hypergeom.sf(num_correct - 1, 2 * num_samples, total, num_samples))
