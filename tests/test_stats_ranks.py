"""Scores against those of twins: the exact distribution, what is forgiven, and wrong passes."""

from itertools import product

import numpy as np
import pytest
import scipy.stats

from jaxverify import UserError, stats
from jaxverify.stats import signs

ALPHA = 0.01


def advantage(scores, twins):
    pooled = scipy.stats.rankdata(np.concatenate([scores, twins]))
    return pooled[: len(scores)] - pooled[len(scores) :]


def share_of_swaps(sizes, observed):
    """Of all ways to give the terms signs, the share with so large a sum."""
    sums = np.array(list(product([-1, 1], repeat=len(sizes)))) @ np.abs(sizes)
    return (sums >= observed).mean()


@pytest.mark.parametrize("values", [1_000, 4])  # hardly any ties, and many
def test_p_value_is_the_share_of_all_swaps_with_so_large_a_rank_sum(values):
    rng = np.random.default_rng(values)
    for _ in range(20):
        scores, twins = rng.integers(values, size=(2, 9)).astype(float)
        sizes = advantage(scores, twins)
        exact = share_of_swaps(sizes, sizes.sum())
        assert stats.rank_p_value(scores, twins, 0.0) == pytest.approx(exact, abs=1e-12)


def test_p_value_is_that_of_scipys_permutation_test_of_pairs():
    rng = np.random.default_rng(1)
    scores, twins = rng.normal(0.4, 1, 10), rng.normal(size=10)
    found = scipy.stats.permutation_test(
        (scores, twins),
        lambda x, y: scipy.stats.mannwhitneyu(x, y).statistic,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert stats.rank_p_value(scores, twins, 0.0) == pytest.approx(found.pvalue)


def test_the_best_pairs_are_left_out_of_the_sum_and_the_probability_is_doubled():
    rng = np.random.default_rng(2)
    for _ in range(20):
        scores, twins = rng.normal(1.5, 1, 10), rng.normal(size=10)
        sizes = advantage(scores, twins)
        observed = np.sort(sizes)[:-2].sum()  # epsilon = 0.2 forgives two of ten
        exact = min(1, 2 * share_of_swaps(sizes, observed))
        assert stats.rank_p_value(scores, twins, 0.2) == pytest.approx(exact, abs=1e-12)
        assert stats.rank_p_value(scores, twins, 0.299) == stats.rank_p_value(scores, twins, 0.2)


def test_the_decimal_that_was_written_decides_how_many_are_forgiven():
    rng = np.random.default_rng(3)
    scores, twins = rng.normal(0.7, 1, 100), rng.normal(size=100)
    assert stats.rank_p_value(scores, twins, 0.07) > stats.rank_p_value(scores, twins, 0.069)


@pytest.mark.parametrize("epsilon", [0.0, 0.03, 0.5])
@pytest.mark.parametrize("num_samples", [1, 116, 600])
def test_if_all_scores_are_equal_the_p_value_is_1(epsilon, num_samples):
    scores = np.full(num_samples, -0.3)
    assert stats.rank_p_value(scores, scores, epsilon) == 1
    assert stats.auc(scores, scores) == 0.5


def test_beyond_the_exact_the_p_value_is_close_and_on_the_safe_side(monkeypatch):
    rng = np.random.default_rng(4)
    cases = [(rng.normal(0.16, 1, 500), rng.normal(size=500)) for _ in range(10)]
    exact = np.array([stats.rank_p_value(*case, 0.0) for case in cases])
    monkeypatch.setattr(signs, "_EXACT", 1)
    bounded = np.array([stats.rank_p_value(*case, 0.0) for case in cases])
    np.testing.assert_allclose(bounded, exact, rtol=0.1)
    assert (bounded >= exact).all()
    assert (bounded > exact).any()


def most_passes(trials, alpha):
    """What a test of size alpha exceeds with a probability of one in a million."""
    return scipy.stats.binom.isf(1e-6, trials, alpha)


def draw(rng, kind, num_samples):
    """Scores in pairs that are alike, whatever the pair itself is like."""
    offsets = 5 * rng.normal(size=num_samples)  # as of labels that the model prefers
    match kind:
        case "independent":
            return rng.normal(size=(2, num_samples))
        case "paired":
            return offsets + rng.normal(size=(2, num_samples))
        case "tied":
            return rng.integers(3, size=(2, num_samples)).astype(float)
        case "skewed":
            return np.exp(3 * rng.normal(size=(2, num_samples)) + offsets)


@pytest.mark.parametrize("kind", ["independent", "paired", "tied", "skewed"])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_where_at_most_the_share_epsilon_is_memorised_passes_stay_within_alpha(kind, epsilon):
    trials, num_samples = 2_000, 30
    rng = np.random.default_rng(5)
    p_values = np.empty(trials)
    for trial in range(trials):
        scores, twins = draw(rng, kind, num_samples)
        scores[rng.permutation(num_samples)[: int(epsilon * num_samples)]] += 1e6
        p_values[trial] = stats.rank_p_value(scores, twins, epsilon)
    for alpha in (0.01, 0.05, 0.2):
        passes = (p_values <= alpha).sum()
        assert passes <= most_passes(trials, alpha)
        if epsilon == 0 and kind != "tied":  # within alpha, but it is no test that never passes
            assert passes >= 0.5 * alpha * trials


def test_a_larger_epsilon_asks_for_more_and_memory_of_much_more_than_it_passes():
    rng = np.random.default_rng(6)
    scores, twins = draw(rng, "independent", 200)
    scores[:80] += 10
    p_values = [stats.rank_p_value(scores, twins, e) for e in (0.0, 0.03, 0.1, 0.2, 0.6)]
    assert p_values == sorted(p_values)
    assert p_values[2] < ALPHA
    assert p_values[-1] > 0.5


def test_scales_do_not_matter_and_nan_is_the_lowest_score():
    rng = np.random.default_rng(7)
    scores, twins = rng.normal(0.5, 1, 60), rng.normal(size=60)
    p_value = stats.rank_p_value(scores, twins)
    assert stats.rank_p_value(np.exp(scores), np.exp(twins)) == p_value
    scores[3] = scores.min() - 1
    lowest = stats.rank_p_value(scores, twins)
    scores[3] = np.nan
    assert stats.rank_p_value(scores, twins) == lowest


def test_auc_is_the_share_of_pairs_won_with_ties_counted_half():
    rng = np.random.default_rng(8)
    for values in (3, 1_000):
        scores, twins = rng.integers(values, size=(2, 30)).astype(float)
        won = (scores[:, None] > twins) + 0.5 * (scores[:, None] == twins)
        assert stats.auc(scores, twins) == pytest.approx(won.mean())


def test_the_lower_bound_is_above_one_half_exactly_beyond_the_normal_approximation():
    for num_samples in (20, 400):
        for auc in np.linspace(0.5, 0.7, 100):
            z = (auc - 0.5) * np.sqrt(6 * num_samples)  # of a variance of 1 / (6N)
            lower, upper = stats.auc_bounds(float(auc), num_samples, 0.99)
            assert (lower > 0.5) == (z > scipy.stats.norm.isf(0.01))
            assert 0 <= lower <= auc <= upper <= 1
    assert stats.auc_bounds(1.0, 50)[1] == 1
    assert 0.9 < stats.auc_bounds(1.0, 50)[0] < 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_each_bound_on_the_auc_holds_about_as_often_as_it_says(share):
    trials, num_samples, rng = 2_000, 60, np.random.default_rng(9)
    held = np.zeros(2)
    for _ in range(trials):
        scores, twins = rng.normal(size=(2, num_samples))
        scores[rng.random(num_samples) < share] += 100
        lower, upper = stats.auc_bounds(stats.auc(scores, twins), num_samples, 0.95)
        held += [lower <= (1 + share) / 2, upper >= (1 + share) / 2]
    assert (np.abs(held / trials - 0.95) < 0.03).all()


@pytest.mark.parametrize(
    ("scores", "twins", "epsilon", "message"),
    [
        ([1.0], [1.0, 2.0], 0.0, "one of each"),
        ([], [], 0.0, "one of each"),
        ([1.0], [2.0], 1.0, "epsilon is 1.0"),
        ([1.0], [2.0], -0.1, "epsilon is -0.1"),
    ],
)
def test_a_mistake_is_told(scores, twins, epsilon, message, untyped_caller):
    with pytest.raises(UserError, match=message):
        stats.rank_p_value(np.array(scores), np.array(twins), epsilon)


def test_a_mistake_of_the_bounds_is_told():
    for arguments in ((1.5, 10), (0.5, 0), (0.5, 10, 1.0)):
        with pytest.raises(UserError, match="lies between 0 and 1"):
            stats.auc_bounds(*arguments)
