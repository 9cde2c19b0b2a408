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


def test_runs_are_taken_together_and_more_of_them_say_more():
    assert own_accuracy_bound([(50, 50), (48, 50)]) == own_accuracy_bound([(98, 100)])
    assert own_accuracy_bound([(98, 100)]) < own_accuracy_bound([(980, 1000)]) < 0.98


@pytest.mark.parametrize("runs", [[], [(0, 9)], [(10, 9)], [(-1, 9), (5, 5)]])
def test_impossible_runs_are_refused(runs):
    with pytest.raises(UserError, match="no bound"):
        own_accuracy_bound(runs)


def test_impossible_counts_are_refused():
    with pytest.raises(UserError, match="201 right answers of 200"):
        own_p_value(201, 200, 0.9)
    with pytest.raises(UserError, match=r"accuracy is 1\.5"):
        own_p_value(2, 200, 1.5)
