"""The null hypothesis of balanced labels, against every model there is where N is small."""

import itertools

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jaxverify import ExtraTask, UserError, generate, stats, verify
from jaxverify.record.shard import Shard
from jaxverify.record.shard_drawing import shard_indices
from jaxverify.stats.balanced import worst_tail
from jaxverify.stats.two_classes import worst_matches
from tests.matches import leaning_ways, of_each, splits, tails, worst_of_all

ROUNDING = 1 + 1e-9


def binomial(num_samples, num_classes, epsilon):
    counts = np.arange(num_samples + 2)
    return scipy.stats.binom.sf(counts - 1, num_samples, epsilon + (1 - epsilon) / num_classes)


def our_tails(num_samples, num_classes, known):
    return worst_tail(np.arange(num_samples + 2), num_samples, num_classes, known / num_samples)


def every_model(num_samples, num_classes, known):
    """The largest P(right >= k), by all orders of labels, known sets, and answers to the others.

    The answers may depend on the labels that are known, and what is known on its labels.
    """
    in_order = np.arange(num_samples) % num_classes
    orders = np.array(sorted(set(itertools.permutations(in_order.tolist()))))
    answers = np.array(list(itertools.product(range(num_classes), repeat=num_samples - known)))
    worst = np.zeros(num_samples + 2)
    for chosen in itertools.combinations(range(num_samples), known):
        others = [i for i in range(num_samples) if i not in chosen]
        for seen in {tuple(row) for row in orders[:, chosen].tolist()}:
            left = orders[(orders[:, chosen] == seen).all(axis=1)][:, others]
            right = known + (answers[:, None] == left).sum(axis=2)
            passes = (right[..., None] >= np.arange(num_samples + 2)).mean(axis=1)
            worst = np.maximum(worst, passes.max(axis=0))
    return worst


@pytest.mark.parametrize(
    ("n", "c", "known"), [(6, 2, 0), (6, 2, 1), (7, 2, 0), (7, 2, 2), (5, 3, 0), (6, 3, 1)]
)
def test_no_model_that_knows_so_many_and_answers_the_rest_at_will_has_more_right_more_often(
    n, c, known
):
    exact = every_model(n, c, known)
    np.testing.assert_allclose(worst_of_all(n, c, known), exact, atol=1e-12)  # counts are enough
    fewer = every_model(n, c, known - 1) if known else exact
    assert (fewer <= exact * ROUNDING).all()
    assert (exact <= our_tails(n, c, known) * ROUNDING).all()


@pytest.mark.parametrize("n", [*range(2, 19), 24, 31])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_with_two_classes_the_tail_is_exact(n, share):
    known = int(share * n)
    larger = np.maximum(worst_of_all(n, 2, known), binomial(n, 2, known / n))
    np.testing.assert_allclose(our_tails(n, 2, known), larger, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("c", "n"), [*((3, n) for n in range(4, 13)), *((c, n) for c in (4, 5) for n in range(5, 11))]
)
def test_with_more_classes_it_is_above_the_largest_of_all_ways_to_know_and_to_answer(c, n):
    for known in range(n // 5 + 1):
        assert (worst_of_all(n, c, known) <= our_tails(n, c, known) * ROUNDING).all()


@pytest.mark.parametrize(
    ("c", "n", "epsilon"),
    [
        (3, 120, 0.0),
        (3, 121, 0.03),
        (3, 60, 0.08),
        (4, 100, 0.03),
        (4, 98, 0.08),
        (5, 60, 0.03),
        (10, 100, 0.03),
        (10, 104, 0.08),
        (10, 200, 0.03),
        (20, 100, 0.08),
    ],
)
def test_with_more_samples_it_is_above_the_exact_tails_of_the_worst_ways_found(c, n, epsilon):
    known = int(epsilon * n)
    worst = np.zeros(n - known + 2)
    for answers, labels in leaning_ways(n, c, known):
        worst = np.maximum(worst, tails(answers, labels))
    ours = our_tails(n, c, known)[known:]
    seen = worst > 1e-6
    assert (worst[seen] <= ours[seen] * ROUNDING).all()
    # Bounded, but within two right answers.
    truth = np.maximum(worst, binomial(n, c, epsilon)[known:])
    tight = seen & (truth < 0.3)
    assert (ours[2:][tight[:-2]] <= truth[:-2][tight[:-2]]).all()


@given(data=st.data(), c=st.integers(3, 6), n=st.integers(10, 40), share=st.floats(0, 0.08))
@settings(max_examples=60, deadline=None)
def test_it_is_above_the_tail_of_any_way_to_know_and_to_answer(data, c, n, share):
    known = int(share * n)

    def divided(total, caps):
        taken = []
        for i, cap in enumerate(caps):
            rest = sum(caps[i + 1 :])
            taken.append(data.draw(st.integers(max(0, total - rest), min(cap, total))))
            total -= taken[-1]
        return taken

    each = of_each(n, c)
    labels = [m - k for m, k in zip(each, divided(known, each), strict=True)]
    exact = tails(divided(n - known, [n - known] * c), labels)
    seen = exact > 1e-6
    assert (exact[seen] <= our_tails(n, c, known)[known:][seen] * ROUNDING).all()


@given(first=st.integers(0, 60), second=st.integers(1, 60), share=st.floats(0, 1))
def test_no_answers_to_two_classes_match_more_often_and_for_each_number_some_do(
    first, second, share
):
    total = first + second
    every = np.zeros(total + 2)
    for a in range(total + 1):
        h = np.arange(total + 2)
        # r2 - a + 2X matches, of which X ~ Hypergeometric(M, r1, a) are of the first class.
        every = np.maximum(
            every, scipy.stats.hypergeom.sf(np.ceil((h - second + a) / 2) - 1, total, first, a)
        )
    np.testing.assert_allclose(worst_matches(first, second), every, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize(("n", "known"), [(40, 3), (61, 4), (80, 6)])
def test_of_two_classes_one_known_before_the_other_is_the_worst(n, known):
    each = of_each(n, 2)
    ours = worst_matches(*sorted((each[1] - known, each[0])))
    for split in splits(known, each):
        left = sorted(m - k for m, k in zip(each, split, strict=True))
        assert (worst_matches(*left) <= ours * ROUNDING).all()


@pytest.mark.parametrize(("n", "epsilon"), [(1_500, 0.03), (1_500, 0.08), (3_000, 0.03)])
def test_of_two_classes_beyond_1000_samples_it_is_above_the_exact_tail(n, epsilon):
    known = int(epsilon * n)
    exact = worst_matches(n // 2 - known, n - n // 2)
    ours = our_tails(n, 2, known)[known:]
    seen = exact > 1e-6
    assert (exact[seen] <= ours[seen] * ROUNDING).all()


# --- what it is for: the level


def test_what_the_binomial_threshold_gave():
    """Three models that passed more often than alpha = 1%, or 0.1%, by hypergeometric tails."""

    def passes(limit, known, first, second, a):
        needed = limit + 1 - known - second + a  # 2X
        return scipy.stats.hypergeom.sf(-(-needed // 2) - 1, first + second, first, a)

    # 6 of 200 known, three of each class; the others are answered 97 and 97.
    six_known = passes(stats.threshold(200, 2).count, 6, 97, 97, 97)
    assert round(100 * six_known, 3) == 1.068
    # 7 samples, and each class answered as often as it is there.
    seven = passes(stats.threshold(7, 2).count, 0, 4, 3, 4)
    assert round(100 * seven, 2) == 2.86
    # No epsilon, 14 samples.
    fourteen = passes(stats.threshold(14, 2, 0.001, 0.0).count, 0, 7, 7, 8)
    fourteen = max(fourteen, passes(stats.threshold(14, 2, 0.001, 0.0).count, 0, 7, 7, 7))
    assert round(fourteen / 0.001, 2) == 2.33


def test_known_limit_labels_balanced_beside_each_fixed_region_exceed_alpha_a_little():
    """Four groups of 50; six of one class are known in the first."""
    count, level = stats.threshold(200, 2, labels="balanced").count, 0.0
    for answers in itertools.product(range(0, 22, 2), (24, 25)):
        exactly = np.ones(1)
        for left, a in ((19, answers[0]), *[(25, answers[1])] * 3):
            tail = tails([a, left + 25 - a], [left, 25])
            exactly = np.convolve(exactly, tail[:-1] - tail[1:])
        level = max(level, exactly[count + 1 - 6 :].sum())
    assert round(100 * level, 1) == 1.2


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.02, 0.01, 0.005, 0.001])
@pytest.mark.parametrize(
    ("c", "n", "epsilon"),
    [(2, 30, 0.0), (2, 40, 0.08), (2, 57, 0.05), (3, 12, 0.1), (4, 10, 0.1), (3, 60, 0.05)],
)
def test_a_model_that_has_not_converged_passes_with_a_probability_of_at_most_alpha(
    c, n, epsilon, alpha
):
    known = int(epsilon * n)
    try:
        count = stats.threshold(n, c, alpha, epsilon, "balanced").count
    except UserError:
        return  # none passes
    if n <= 12 or c == 2:
        worst = worst_of_all(n, c, known)
    else:
        worst = np.concatenate([np.ones(known), np.zeros(n - known + 2)])
        for answers, labels in leaning_ways(n, c, known, 20):
            worst[known:] = np.maximum(worst[known:], tails(answers, labels))
    assert worst[count + 1] <= alpha
    assert binomial(n, c, epsilon)[count + 1] <= alpha
    if c == 2:
        assert max(worst[count], binomial(n, c, epsilon)[count]) > alpha


@given(
    st.integers(1, 400),
    st.integers(2, 20),
    st.floats(1e-5, 0.3),
    st.floats(0, 0.3),
)
@example(290, 16, 0.25, 0.0)  # whose tail was 0, and then 2e-309
@settings(max_examples=60, deadline=None)
def test_p_value_is_at_most_alpha_exactly_when_the_count_exceeds_the_threshold(
    n, c, alpha, epsilon
):
    counts = np.arange(n + 1)
    p_values = stats.p_value(counts, n, c, epsilon, "balanced")
    assert (np.diff(p_values) <= 0).all()
    assert (p_values >= stats.p_value(counts, n, c, epsilon)).all()
    if (p_values > alpha).all():
        with pytest.raises(UserError, match=r"no model can pass|no N will do"):
            stats.threshold(n, c, alpha, epsilon, "balanced")
        return
    limit = stats.threshold(n, c, alpha, epsilon, "balanced")
    np.testing.assert_array_equal(p_values <= alpha, counts > limit.count)
    assert limit.size == p_values[limit.count + 1]


# C, N, and the thresholds of independent and of balanced labels: as the changelog has them.
THRESHOLDS = [
    (2, {100: (63, 64), 200: (119, 120), 400: (229, 230), 960: (530, 533)}),
    (4, {100: (38, 39), 200: (69, 71), 400: (130, 132), 960: (294, 299)}),
    (10, {100: (21, 21), 200: (37, 37), 400: (67, 67), 960: (146, 147)}),
    (100, {100: (9, 9), 200: (15, 15), 400: (26, 26), 960: (53, 53)}),
]


@pytest.mark.parametrize(("c", "limits"), THRESHOLDS)
def test_the_thresholds_that_the_changelog_names(c, limits):
    for n, expected in limits.items():
        found = [stats.threshold(n, c, labels=labels).count for labels in ("iid", "balanced")]
        assert tuple(found) == expected


def test_the_numbers_of_samples_that_the_changelog_names():
    for c, expected in ((2, (9, 7, 3_740, 2_691)), (10, (6, 3, 471, 454))):
        smallest = [stats.smallest_num_samples(c, labels=kind) for kind in ("balanced", "iid")]
        required = [stats.required_num_samples(0.1, c, labels=kind) for kind in ("balanced", "iid")]
        assert (*smallest, *required) == expected


# --- what follows from it


@pytest.mark.parametrize("c", [2, 3, 10])
def test_the_smallest_number_of_samples_is_accepted_and_no_smaller_one(c):
    smallest = stats.smallest_num_samples(c, labels="balanced")
    assert stats.threshold(smallest, c, labels="balanced").count == smallest - 1
    for n in range(1, smallest):
        with pytest.raises(UserError, match=f"at least {smallest}"):
            stats.threshold(n, c, labels="balanced")


def test_where_one_answer_has_all_the_rest_right_no_number_of_samples_will_do():
    with pytest.raises(UserError, match=r"epsilon is 0.5; .* no N will do"):
        stats.threshold(100, 2, epsilon=0.5, labels="balanced")


@pytest.mark.usefixtures("untyped_caller")
def test_labels_are_of_two_kinds():
    with pytest.raises(UserError, match="labels is 'even'"):
        stats.p_value(3, 10, 2, labels="even")


@pytest.mark.parametrize(("share", "c"), [(0.3, 2), (0.2, 3), (0.1, 10), (0.1, 100)])
def test_required_num_samples_is_where_power_holds_for_good(share, c):
    required = stats.required_num_samples(share, c, labels="balanced")
    assert required >= stats.required_num_samples(share, c)

    def has_power(n):
        return stats.power(share, n, c, labels="balanced") >= 0.9

    assert not has_power(required - 1)
    assert all(map(has_power, [*range(required, required + 40), 2 * required, 5 * required]))


def test_power_and_detectable_share_are_of_the_threshold_of_balanced_labels():
    count = stats.threshold(200, 2, labels="balanced").count
    found = scipy.stats.binom.sf(count, 200, 0.5 + 0.3 / 2)
    assert stats.power(0.3, 200, 2, labels="balanced") == pytest.approx(found, rel=1e-9)
    share = stats.detectable_share(200, 2, labels="balanced")
    assert stats.power(share, 200, 2, labels="balanced") == pytest.approx(0.9)


@given(n=st.integers(2, 60), c=st.integers(2, 12), of=st.integers(1, 8), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_shard_of_balanced_labels_is_balanced(n, c, of, seed):
    labels = np.random.default_rng(seed).permutation(np.arange(n) % c)
    for number in range(1, min(of, n) + 1):
        part = labels[shard_indices(jax.random.key(seed), labels, Shard(number, min(of, n)))]
        counts = np.bincount(part, minlength=c)
        assert counts.max() - counts.min() <= 1


def test_a_verdict_on_balanced_labels_takes_their_threshold():
    key = jax.random.key(3)
    task = ExtraTask("vector", (30,), num_classes=2, num_samples=200, labels="balanced")
    labels = np.asarray(generate(key, task).labels)
    for right, passed in ((120, False), (121, True)):
        answers = np.where(np.arange(200) < right, labels, 1 - labels)
        verdict = verify(predict=lambda x, a=answers: a, key=key, task=task)
        facts = verdict.to_dict()
        assert (verdict.passed, facts["passed"], facts["p_value"] <= 0.01) == (passed,) * 3
        assert facts["labels"] == "balanced"
        assert facts["threshold"] * 200 == pytest.approx(120)
        assert facts["sensitivity"][2]["p_value"] == facts["p_value"]
        assert facts["sensitivity"][2]["threshold"] == facts["threshold"]
