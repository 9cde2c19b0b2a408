import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxverify import stats
from jaxverify.errors import UserError

sizes = st.integers(1, 3_000)
classes = st.integers(2, 100)
alphas = st.floats(1e-6, 0.5)
epsilons = st.floats(0.0, 0.5)
shares = st.floats(0.0, 1.0)


def limit_or_none(num_samples, num_classes, alpha, epsilon):
    if num_samples < stats.smallest_num_samples(num_classes, alpha, epsilon):
        return None
    return stats.threshold(num_samples, num_classes, alpha, epsilon)


# --- the threshold, p-values and bounds


@pytest.mark.parametrize(
    ("num_samples", "num_classes", "p", "count", "accuracy", "size", "percent"),
    [
        (400, 10, 0.127, 67, 0.1675, 0.0077, 10.5),
        (400, 100, 0.0397, 26, 0.065, 0.0058, 7.5),
        (200, 2, 0.515, 119, 0.595, 0.0096, 28.3),
        (960, 4, 0.2725, 294, 0.30625, 0.0091, 10.2),
    ],
)
def test_the_settings_of_the_paper(num_samples, num_classes, p, count, accuracy, size, percent):
    limit = stats.threshold(num_samples, num_classes)
    assert limit.null_probability == pytest.approx(p, abs=1e-12)
    assert (limit.count, limit.accuracy) == (count, accuracy)
    assert round(limit.size, 4) == size
    share = stats.detectable_share(num_samples, num_classes)
    assert math.ceil(1000 * share) / 10 == percent  # rounded up: so much is surely enough


@given(st.integers(1, 40), classes, epsilons)
def test_p_value_is_the_sum_in_exact_arithmetic(num_samples, num_classes, epsilon):
    p = Fraction(stats.null_probability(num_classes, epsilon))
    terms = [
        math.comb(num_samples, k) * p**k * (1 - p) ** (num_samples - k)
        for k in range(num_samples + 1)
    ]
    exact = [float(sum(terms[k:])) for k in range(num_samples + 1)]
    counts = np.arange(num_samples + 1)
    assert stats.p_value(counts, num_samples, num_classes, epsilon) == pytest.approx(
        exact, rel=1e-11
    )


@given(sizes, classes, alphas, epsilons)
def test_p_value_is_at_most_alpha_exactly_when_the_count_exceeds_the_threshold(
    num_samples, num_classes, alpha, epsilon
):
    counts = np.arange(num_samples + 1)
    p_values = stats.p_value(counts, num_samples, num_classes, epsilon)
    limit = limit_or_none(num_samples, num_classes, alpha, epsilon)
    if limit is None:
        assert (p_values > alpha).all()
        return
    np.testing.assert_array_equal(p_values <= alpha, counts > limit.count)
    # P(X > count) <= alpha < P(X > count - 1)
    assert limit.size == p_values[limit.count + 1] <= alpha < p_values[limit.count]


@given(sizes, classes, epsilons, st.data())
def test_p_value_and_threshold_agree_on_ties(num_samples, num_classes, epsilon, data):
    correct = data.draw(st.integers(1, num_samples))
    alpha = float(stats.p_value(correct, num_samples, num_classes, epsilon))
    assume(1e-300 < alpha < 0.999)  # where the tail has digits left to fall by
    assert stats.threshold(num_samples, num_classes, alpha, epsilon).count == correct - 1
    below = math.nextafter(alpha, 0)
    limit = limit_or_none(num_samples, num_classes, below, epsilon)
    assert limit is None or limit.count == correct


@given(sizes, classes, st.floats(0.5, 1 - 1e-6), epsilons | st.just(0.0))
def test_lower_bound_reaches_epsilon_exactly_when_a_model_passes(
    num_samples, num_classes, confidence, epsilon
):
    alpha = 1 - confidence
    counts = np.arange(num_samples + 1)
    p_values = stats.p_value(counts, num_samples, num_classes, epsilon)
    assume((abs(p_values / alpha - 1) > 1e-9).all())  # nearer than that, rounding decides
    lower, _ = stats.memorised_bounds(counts, num_samples, num_classes, confidence)
    np.testing.assert_array_equal(lower >= epsilon, p_values <= alpha)
    limit = limit_or_none(num_samples, num_classes, alpha, epsilon)
    passes = counts > limit.count if limit else np.zeros_like(counts, bool)
    np.testing.assert_array_equal(lower >= epsilon, passes)


@given(st.integers(1, 300), classes, st.floats(0.5, 0.999), shares)
def test_each_bound_holds_with_the_given_confidence(num_samples, num_classes, confidence, share):
    counts = np.arange(num_samples + 1)
    q = share + (1 - share) / num_classes
    probability = scipy.stats.binom.pmf(counts, num_samples, q)
    lower, upper = stats.memorised_bounds(counts, num_samples, num_classes, confidence)
    rounding = 1e-9
    assert probability[lower <= share + rounding].sum() >= confidence - rounding
    assert probability[upper >= share - rounding].sum() >= confidence - rounding


@given(sizes, classes, st.floats(0.5, 0.999))
def test_bounds_lie_around_the_estimate_and_grow_with_the_count(
    num_samples, num_classes, confidence
):
    counts = np.arange(num_samples + 1)
    lower, upper = stats.memorised_bounds(counts, num_samples, num_classes, confidence)
    estimate = stats.memorised_share(counts, num_samples, num_classes)
    assert (lower <= estimate + 1e-12).all()
    assert (estimate <= upper + 1e-12).all()
    assert (np.diff(lower) > 0).all()
    assert (np.diff(upper) > 0).all()
    assert lower[0] == pytest.approx(-1 / (num_classes - 1))
    assert upper[-1] == 1.0


@given(st.integers(1, 300), classes, shares)
def test_memorised_share_is_unbiased(num_samples, num_classes, share):
    counts = np.arange(num_samples + 1)
    q = share + (1 - share) / num_classes
    probability = scipy.stats.binom.pmf(counts, num_samples, q)
    estimate = stats.memorised_share(counts, num_samples, num_classes)
    assert probability @ estimate == pytest.approx(share, abs=1e-9)


@given(classes, alphas, epsilons)
def test_threshold_accepts_the_smallest_num_samples_and_no_smaller_one(num_classes, alpha, epsilon):
    smallest = stats.smallest_num_samples(num_classes, alpha, epsilon)
    assert stats.threshold(smallest, num_classes, alpha, epsilon).count == smallest - 1
    if smallest > 1:
        with pytest.raises(UserError, match=f"num_samples is {smallest - 1}.*least {smallest}"):
            stats.threshold(smallest - 1, num_classes, alpha, epsilon)


@pytest.mark.parametrize("num_samples", range(1, 8))
def test_smallest_num_samples_where_p_to_the_n_is_alpha(num_samples):
    assert stats.smallest_num_samples(2, 0.5**num_samples, 0.0) == num_samples


def test_results_have_the_shape_of_the_counts():
    for counts in (7, np.array([7]), np.array([[0, 7], [8, 10]])):
        shape = np.shape(counts)
        lower, upper = stats.memorised_bounds(counts, 10, 2)
        assert lower.shape == upper.shape == shape
        assert stats.p_value(counts, 10, 2).shape == shape
        assert stats.memorised_share(counts, 10, 2).shape == shape


# --- power


@given(sizes, classes, alphas, epsilons, shares, shares)
def test_power_is_the_size_at_epsilon_and_grows_with_the_share(
    num_samples, num_classes, alpha, epsilon, share, other
):
    limit = limit_or_none(num_samples, num_classes, alpha, epsilon)
    if limit is None:
        return
    setting = (num_samples, num_classes, alpha, epsilon)
    assert stats.power(epsilon, *setting) == limit.size
    low, high = sorted((share, other))
    assert stats.power(low, *setting) <= stats.power(high, *setting) * (1 + 1e-12)
    q = share + (1 - share) / num_classes
    assert stats.power(share, *setting) == pytest.approx(
        scipy.stats.binom.sf(limit.count, num_samples, q), rel=1e-8, abs=1e-12
    )


@given(sizes, classes, alphas, epsilons, st.floats(0.01, 0.99))
def test_detectable_share_inverts_power(num_samples, num_classes, alpha, epsilon, power):
    assume(limit_or_none(num_samples, num_classes, alpha, epsilon) is not None)
    setting = (num_samples, num_classes, alpha, epsilon)
    share = stats.detectable_share(*setting, power)
    if share == 0:
        assert stats.power(0.0, *setting) >= power * (1 - 1e-9)
    else:
        assert stats.power(share, *setting) == pytest.approx(power, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.02, 1.0),
    classes,
    st.floats(1e-4, 0.2),
    st.floats(0.0, 0.3),
    st.floats(0.05, 0.99),
)
def test_required_num_samples_is_where_power_holds_for_good(
    extra, num_classes, alpha, epsilon, power
):
    share = epsilon + (1 - epsilon) * extra
    required = stats.required_num_samples(share, num_classes, alpha, epsilon, power)
    smallest = stats.smallest_num_samples(num_classes, alpha, epsilon)
    assert required >= smallest  # with fewer no model passes, so there is no power

    def has_power(num_samples):
        return stats.power(share, num_samples, num_classes, alpha, epsilon) >= power

    assert required == smallest or not has_power(required - 1)
    later = np.unique(np.geomspace(required, 20 * required, 20).astype(int))
    assert all(map(has_power, [*range(required, required + 20), *later.tolist()]))


def test_required_num_samples_where_power_came_and_went():
    required = stats.required_num_samples(0.1, 2)
    assert required == pytest.approx(2_700, rel=0.01)
    before = [stats.power(0.1, n, 2) >= 0.9 for n in range(required - 100, required)]
    assert any(before)  # the first N with the power is not the answer
    assert not before[-1]


# --- mistakes


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (stats.threshold, (0, 10), "num_samples is 0"),
        (stats.p_value, (0, 0, 10), "num_samples is 0"),
        (stats.threshold, (400.5, 10), "num_samples is 400.5"),
        (stats.power, (0.5, 2, 10), "num_samples is 2.*at least 3"),
        (stats.threshold, (400, 1), "num_classes is 1"),
        (stats.null_probability, (2.5,), "num_classes is 2.5"),
        (stats.memorised_share, (1, 10, 1), "num_classes is 1"),
        (stats.memorised_bounds, (1, 10, 1), "num_classes is 1"),
        (stats.threshold, (400, 10, 0.0), "alpha is 0.0"),
        (stats.threshold, (400, 10, math.nan), "alpha is nan"),
        (stats.smallest_num_samples, (10, 1.0), "alpha is 1.0"),
        (stats.required_num_samples, (0.1, 10, 2.0), "alpha is 2.0"),
        (stats.null_probability, (10, 1.0), "epsilon is 1.0"),
        (stats.null_probability, (10, -0.1), "epsilon is -0.1"),
        (stats.null_probability, (10, math.nan), "epsilon is nan"),
        (stats.memorised_bounds, (1, 10, 2, 1.0), "confidence is 1.0"),
        (stats.p_value, (-1, 400, 10), "num_correct is -1"),
        (stats.p_value, (np.array([0, 401]), 400, 10), "num_correct is 401"),
        (stats.p_value, (0.5, 400, 10), "num_correct is of type float64"),
        (stats.memorised_share, (11, 10, 2), "num_correct is 11"),
        (stats.memorised_bounds, (11, 10, 2), "num_correct is 11"),
        (stats.power, (1.1, 400, 10), "share is 1.1"),
        (stats.power, (-0.1, 400, 10), "share is -0.1"),
        (stats.required_num_samples, (0.03, 10), "share is 0.03"),
        (stats.required_num_samples, (0.0301, 10), "share is 0.0301, too close to"),
        (stats.detectable_share, (400, 10, 0.01, 0.03, 1.0), "power is 1.0"),
        (stats.required_num_samples, (0.1, 10, 0.01, 0.03, 0.0), "power is 0.0"),
    ],
)
def test_mistakes_are_named(function, arguments, named, untyped_caller):
    with pytest.raises(UserError, match=named) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
