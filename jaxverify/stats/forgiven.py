"""How many memorised samples are forgiven by the tests that count them one by one."""

import math

from jaxverify.stats.binomial import check_epsilon


def num_forgiven(epsilon: float, num_samples: int) -> int:
    """Of N samples k = floor(epsilon * N), free of the rounding of floating point.

    Args:
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).
        num_samples: N.

    Raises:
        UserError: if epsilon is out of its range.

    >>> num_forgiven(0.07, 100)  # though 0.07 * 100 is less than 7 to a computer
    7
    """
    check_epsilon(epsilon)
    return math.floor(round(epsilon * num_samples, 9))
