"""Sums of numbers with random signs, against whole numbers and against fractions."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import stats
from jaxverify.stats.signs import sign_tail


def by_whole_numbers(sizes, observed):
    """Subsets counted as the digits of one integer: the product of 1 + X^size at X = 2^bits."""
    bits = len(sizes) + 1
    ways = 1
    for size in sizes.tolist():
        ways += ways << (bits * size)
    least = max(0, -(-(observed + int(sizes.sum())) // 2))  # of those with a plus
    above, digit = ways >> (bits * least), (1 << bits) - 1
    count = 0
    while above:
        count += above & digit
        above >>= bits
    return count / 2 ** len(sizes)


def of_ties(few, many, times, observed):
    """``times`` of each of two sizes: binomial counts of plus signs, in whole numbers."""
    ways = [math.comb(times, i) for i in range(times + 1)]
    at_least = [0, *itertools.accumulate(reversed(ways))][::-1]  # so many plus signs, or more
    reached = 0
    for i, of_few in enumerate(ways):
        rest = observed - few * (2 * i - times)
        needed = math.ceil((rest / many + times) / 2 - 1e-12)
        reached += of_few * at_least[min(max(needed, 0), times + 1)]
    return reached / 4**times


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(-40, 40))
def test_it_is_the_share_of_all_signs(sizes, observed):
    sums = np.array(list(itertools.product((-1, 1), repeat=len(sizes)))) @ np.array(sizes)
    assert sign_tail(np.array(sizes), observed) == pytest.approx((sums >= observed).mean())


@pytest.mark.parametrize("deviations", [0.3, 1.6, 2.3, 3.0])
def test_many_ties_are_exact_beyond_1000_numbers(deviations):
    times, few, many = 600, 3, 40
    sizes = np.repeat([7 * few, 7 * many], times)
    observed = round(deviations * math.sqrt(float((sizes**2).sum())))
    exact = of_ties(few, many, times, math.ceil(observed / 7))
    assert sign_tail(sizes, observed) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("deviations", [0.1, 1.6, 2.3, 3.0, 5.0, 9.0])
@pytest.mark.parametrize(("few", "many"), [(1, 10), (997, 3001)])
def test_beyond_1000_numbers_it_is_never_below_and_little_above(few, many, deviations):
    times = 600
    # One number more, so that all have no common unit: its sign moves the sum by one.
    sizes = np.append(np.repeat([few * 1_000, many * 1_000], times), 1)
    observed = round(deviations * math.sqrt(float((sizes.astype(float) ** 2).sum())))
    exact = sum(of_ties(few, many, times, (observed + sign) / 1_000) for sign in (-1, 1)) / 2
    found = sign_tail(sizes, observed)
    assert found >= exact - 1e-12
    if exact > 1e-3:
        assert found <= 1.1 * exact


def test_numbers_that_all_differ_are_counted():
    sizes = np.random.default_rng(0).permutation(np.arange(1, 151))
    for deviations in (-0.5, 1.6, 2.3, 3.0):
        observed = round(deviations * math.sqrt(float((sizes**2).sum())))
        exact = by_whole_numbers(sizes, observed)
        assert sign_tail(sizes, observed) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("n", "better"), [(600, 320), (2_000, 1_037)])
def test_with_ties_the_p_value_is_exact_where_the_normal_one_was_too_small(n, better):
    """In each pair one is 1 and the other 0."""
    scores = np.where(np.arange(n) < better, 1.0, 0.0)
    exact = sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n
    assert stats.rank_p_value(scores, 1 - scores, 0.0) == pytest.approx(exact, rel=1e-9)
    normal = scipy.stats.norm.sf((2 * better - n) / math.sqrt(n))
    assert normal < 0.97 * exact
