"""Does a model know its own training set as well as honest training makes it know it?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from jaxverify import UserError
from jaxverify.stats import own_accuracy_bound, own_p_value


@given(st.floats(0.01, 0.99), st.floats(0, 1), st.sampled_from([0.01, 0.05]))
def test_a_model_at_least_as_accurate_gets_at_most_alpha_with_at_most_alpha(accuracy, more, alpha):
    counts = np.arange(201)
    small = [own_p_value(int(k), 200, accuracy) <= alpha for k in counts]
    better = accuracy + more * (1 - accuracy)
    assert binom.pmf(counts, 200, better)[small].sum() <= alpha + 1e-9


@given(st.floats(0.05, 0.999))
def test_the_bound_lies_above_the_accuracy_with_at_most_one_minus_confidence(accuracy):
    counts = np.arange(1, 101)
    above = [own_accuracy_bound([(int(k), 100)], 0.95) > accuracy for k in counts]
    assert binom.pmf(counts, 100, accuracy)[above].sum() <= 0.05 + 1e-9


def test_runs_that_are_alike_are_taken_together_and_more_of_them_say_more():
    assert own_accuracy_bound([(98, 100)] * 3) == own_accuracy_bound([(294, 300)])
    assert own_accuracy_bound([(98, 100)]) < own_accuracy_bound([(980, 1000)]) < 0.98


def test_the_wider_runs_differ_and_the_fewer_they_are_the_lower_is_the_bound():
    bounds = [
        own_accuracy_bound([(950 + k * step, 1000) for step in (-1, 0, 1)] * times)
        for times, k in ((3, 0), (3, 5), (3, 10), (1, 10))
    ]
    assert bounds == sorted(bounds, reverse=True)
    assert own_p_value(0, 200, own_accuracy_bound([(99, 100), (40, 100)])) > 0.99


@pytest.mark.parametrize(("runs", "spread"), [(3, 0.0), (3, 0.02), (10, 0.01), (10, 0.02)])
def test_the_next_honest_model_fails_in_at_most_the_share_alpha_of_the_cases(runs, spread):
    rng, nulls = np.random.default_rng(0), 3_000
    accuracies = np.clip(rng.normal(0.94, spread, (nulls, runs + 1)), 0, 1)
    at_home, asked = rng.binomial(400, accuracies[:, :-1]), rng.binomial(200, accuracies[:, -1])
    failed = [
        own_p_value(int(right), 200, own_accuracy_bound([(int(k), 400) for k in home])) <= 0.01
        for home, right in zip(at_home, asked, strict=True)
    ]
    assert sum(failed) <= 50  # of 3,000 at 1% so many or fewer in all but 1 of 2,000
    pooled = binom.cdf(asked, 200, at_home.mean(axis=1) / 400) <= 0.01
    assert spread < 0.02 or sum(pooled) > 100  # as it was, without the spread


@pytest.mark.parametrize("runs", [[], [(0, 9)], [(10, 9)], [(-1, 9), (5, 5)]])
def test_impossible_runs_are_refused(runs):
    with pytest.raises(UserError, match="no bound"):
        own_accuracy_bound(runs)


def test_impossible_counts_are_refused():
    with pytest.raises(UserError, match="201 right answers of 200"):
        own_p_value(201, 200, 0.9)
    with pytest.raises(UserError, match=r"accuracy is 1\.5"):
        own_p_value(2, 200, 1.5)
