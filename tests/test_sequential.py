"""The test that may stop at any time, by exact probabilities."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from jaxverify import UserError, stats
from jaxverify.verification.sequential import judge

SETTINGS = [(2, 200, 0.03), (4, 300, 0.03), (10, 400, 0.03), (100, 400, 0.03), (10, 100, 0.0)]


def ever_reached(evidence, steps, right):
    """The exact probability that evidence(right, asked) ever reaches log 100.

    ``right(asked, correct)`` is the probability that the next answer is right.
    """
    alive, reached = np.array([1.0]), 0.0
    for asked in range(steps):
        p = right(asked, np.arange(asked + 1))
        following = np.zeros(asked + 2)
        following[:-1] += alive * (1 - p)
        following[1:] += alive * p
        counts = np.arange(asked + 2)
        hit = evidence(counts, np.full(asked + 2, asked + 1)) >= math.log(100)
        reached += following[hit].sum()
        alive = np.where(hit, 0.0, following)
    return reached


@pytest.mark.parametrize(("c", "n", "epsilon"), SETTINGS)
def test_an_unconverged_model_ever_passes_with_a_probability_of_at_most_alpha(c, n, epsilon):
    p = stats.null_probability(c, epsilon)
    reached = ever_reached(
        lambda k, t: stats.evidence_of_convergence(k, t, c, epsilon), n, lambda t, k: p
    )
    assert 0.001 < reached <= 0.01


@pytest.mark.parametrize(("c", "n", "epsilon"), SETTINGS)
def test_a_converged_model_ever_fails_with_a_probability_of_at_most_alpha(c, n, epsilon):
    share = stats.detectable_share(n, c, 0.01, epsilon)
    q = share + (1 - share) / c
    reached = ever_reached(lambda k, t: stats.evidence_against(k, t, c, share), n, lambda t, k: q)
    assert 0.001 < reached <= 0.01


@pytest.mark.parametrize(("c", "n", "epsilon"), SETTINGS)
def test_a_constant_answer_to_balanced_labels_passes_more_rarely_than_alpha(c, n, epsilon):
    """Without replacement: of n samples n/c have the label."""
    reached = ever_reached(
        lambda k, t: stats.evidence_of_convergence(k, t, c, epsilon),
        n,
        lambda t, k: np.clip((n // c - k) / (n - t), 0, 1),
    )
    assert reached <= 0.01


def test_with_a_smaller_epsilon_than_the_truth_it_would_pass_too_often():
    reached = ever_reached(
        lambda k, t: stats.evidence_of_convergence(k, t, 10, 0.03), 400, lambda t, k: 0.127 + 0.06
    )
    assert reached > 0.01


@pytest.mark.parametrize(("right", "asked"), [(0, 0), (3, 8), (40, 60), (60, 400)])
def test_evidence_is_the_mixture_of_likelihoods(right, asked):
    def ratio(x, p):
        return math.exp(
            right * math.log(x / p) + (asked - right) * (math.log1p(-x) - math.log1p(-p))
        )

    p, q = stats.null_probability(10), 0.3 + 0.7 / 10
    found = stats.evidence_of_convergence(right, asked, 10)
    assert math.exp(found) == pytest.approx(quad(ratio, p, 1, p)[0] / (1 - p), rel=1e-5)
    against = stats.evidence_against(right, asked, 10, 0.3)
    assert math.exp(against) == pytest.approx(quad(ratio, 0, q, q)[0] / q, rel=1e-5)


def test_a_model_that_is_to_know_all_fails_by_one_mistake():
    assert stats.evidence_against(9, 10, 10, 1.0) == math.inf
    assert stats.evidence_against(10, 10, 10, 1.0) < 0


LABELS = np.random.default_rng(0).integers(0, 4, 300)


def answers(share, seed=1):
    rng = np.random.default_rng(seed)
    known = rng.random(300) < share
    return np.where(known, LABELS, rng.integers(0, 4, 300))


def test_a_model_that_knows_much_passes_after_few_answers_and_one_that_knows_nothing_fails():
    passed, failed = judge(answers(0.9), LABELS, 4), judge(answers(0.0), LABELS, 4)
    assert (passed.outcome, failed.outcome) == ("PASS", "FAIL")
    assert passed.num_asked < 30
    assert passed.p_value <= 0.01 < failed.p_value
    assert passed.passed
    assert not failed.passed


@given(share=st.floats(0, 1), seed=st.integers(0, 100), number=st.integers(0, 300))
def test_once_it_is_clear_further_answers_change_nothing(share, seed, number):
    given_, longer = answers(share, seed)[:number], answers(share, seed)
    verdict = judge(given_, LABELS, 4)
    if verdict.outcome == "INCONCLUSIVE":
        assert verdict.num_asked == number
    else:
        assert judge(longer, LABELS, 4) == verdict
        before = judge(given_[: verdict.num_asked - 1], LABELS, 4)
        assert before.outcome == "INCONCLUSIVE"


def test_unknown_answers_make_no_model_fail_nor_pass():
    verdict = judge(np.full(300, -1), LABELS, 4)
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.num_unknown == 300


def test_the_verdict_is_json_and_has_a_page():
    from rich.console import Console

    verdict = judge(answers(0.9), LABELS, 4, cautions=("mind the step",))
    facts = json.loads(verdict.to_json())
    assert facts["test"] == "sequential"
    assert facts["num_asked"] == verdict.num_asked
    console = Console(record=True, width=100)
    console.print(verdict)
    page = console.export_text()
    for shown in ("PASS", f"{verdict.num_asked} of 300", "mind the step"):
        assert shown in page


def test_more_answers_than_samples_are_an_error():
    with pytest.raises(UserError, match="301 answers to 300 samples"):
        judge(np.zeros(301, int), LABELS, 4)
    with pytest.raises(UserError, match="no more than were asked"):
        stats.evidence_of_convergence(3, 2, 10)
