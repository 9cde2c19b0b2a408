"""The sum of given numbers, each with a sign of its own by a coin."""

import math

import numpy as np
from jaxtyping import Int
from scipy.fft import irfft

_EXACT = 1_000  # numbers: up to here the exact distribution takes half a second
_GRID = 100  # units in a number, on average, beyond
_MISSED = 1e-8  # by how much rounding to units may raise a probability, besides moving the sum
_DEVIATIONS = 9  # beyond which a sum lies with a probability of 1e-17


def sign_tail(sizes: Int[np.ndarray, " n"], observed: int) -> float:
    """P(sum >= observed).

    Up to 1,000 numbers it is exact, by counting. Beyond, the characteristic function, which is the
    product of cos(size * t), is inverted: exactly, too, if all are small multiples of one number,
    as with many ties. Other numbers are rounded to a grid first. What rounding takes off, with
    random signs as well, is less than r = sqrt(2 log(1e8) sum d^2) but for a probability of 1e-8
    (Hoeffding), so that P(rounded sum >= observed - r) + 1e-8 is an upper bound.

    Args:
        sizes: above 0.
        observed: any whole number.

    Guarantee: never below the exact probability (but for 1e-12 of rounding), and above it by no
    more than a tenth where it is between 0.001 and 0.5.

    >>> sign_tail(np.array([1, 1, 2]), 2)  # 4 once, and 2 twice, of 8
    0.375
    """
    if observed <= -sizes.sum():
        return 1.0
    unit = int(np.gcd.reduce(sizes))
    sizes, observed = sizes // unit, -(-int(observed) // unit)
    if len(sizes) <= _EXACT:
        return _count(sizes, observed)
    numbers, needed, missed = sizes, observed, 0.0
    if sizes.max() > _GRID:
        step = float(sizes.mean()) / _GRID
        numbers = np.rint(sizes / step).astype(np.int64)
        rest = sizes - step * numbers
        slack = math.sqrt(2 * math.log(1 / _MISSED) * float(np.square(rest).sum()))
        needed, missed = math.ceil((observed - slack) / step), _MISSED
    bound = _invert(numbers, needed) + missed
    if observed > 0:
        spread = 2 * float(np.square(sizes.astype(float)).sum())
        bound = min(bound, math.exp(-(float(observed) ** 2) / spread))  # Hoeffding's, far out
    return min(bound, 1.0)


def _count(sizes: Int[np.ndarray, " n"], observed: int) -> float:
    # The sum of all with signs is twice the sum of those with a plus, less the sum of all.
    total = int(sizes.sum())
    probability = np.zeros(total + 1)
    probability[0], reached = 1.0, 0
    for size in sizes.tolist():
        probability[: reached + size + 1] *= 0.5
        probability[size : reached + size + 1] += probability[: reached + 1].copy()
        reached += size
    return float(probability[max(0, -(-(observed + total) // 2)) :].sum())


def _invert(numbers: Int[np.ndarray, " n"], needed: int) -> float:
    reach = math.ceil(_DEVIATIONS * math.sqrt(float(np.square(numbers.astype(float)).sum()))) + 1
    period = 2 << (reach - 1).bit_length()  # a power of two, for the FFT
    if needed >= period // 2:
        return 1e-15
    if needed <= -(period // 2):
        return 1.0
    angles = 2 * np.pi / period * np.arange(period // 2 + 1)
    transform = np.ones(len(angles))
    for number, times in zip(*np.unique(numbers, return_counts=True), strict=True):
        transform *= np.cos(number * angles) ** times
    # Of -period/2 and upwards.
    probability = np.roll(np.asarray(irfft(transform, period)), period // 2)
    return max(float(probability[needed + period // 2 :].sum()), 1e-15)
