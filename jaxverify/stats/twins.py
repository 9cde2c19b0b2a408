"""Extra samples against held-out twins: a comparison that does not assume C."""

import numpy as np

from jaxverify.errors import UserError
from jaxverify.stats.forgiven import num_forgiven


def twin_p_value(
    num_correct: int, num_correct_twins: int, num_samples: int, epsilon: float = 0.03
) -> float:
    """The probability of so many more right answers than to the twins, had it to be chance.

    Fisher's exact test, one-sided: of 2N samples K were answered rightly, and which N of them were
    uploaded was drawn at random. Up to k = floor(epsilon * N) uploaded samples may be known: they
    are left out with their twins, of which we do not know how they were answered, so that the
    p-value is the largest of all that are possible.

    Args:
        num_correct: right answers to the uploaded samples, in [0, N].
        num_correct_twins: right answers to the held-out twins, in [0, N].
        num_samples: N, of each.
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).

    Raises:
        UserError: if a value is out of its range.

    Guarantee: where at most the share epsilon of the uploaded samples is known, and each of the
    others is answered rightly no more often than a twin, and independently of the others, p_value
    <= alpha has a probability of at most alpha.

    >>> [round(twin_p_value(20, 10, 100, epsilon), 4) for epsilon in (0.0, 0.03)]
    [0.0367, 0.1064]
    """
    from scipy.stats import hypergeom  # which is slow to import

    least, most = sorted((num_correct, num_correct_twins))
    if not 0 <= least <= most <= num_samples:
        raise UserError(
            f"{num_correct} and {num_correct_twins} right answers; each is at most {num_samples}"
        )
    known = np.arange(min(num_forgiven(epsilon, num_samples), num_correct) + 1)
    pairs, right = num_samples - known, num_correct - known
    total = right + np.minimum(num_correct_twins, pairs)
    return float(hypergeom.sf(right - 1, 2 * pairs, total, pairs).max())
