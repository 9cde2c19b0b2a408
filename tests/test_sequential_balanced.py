"""The test that may stop at any time, of balanced labels: by exact counts of orders.

Asked in random order, a model with D right answers of N in all gives them in any order alike. How
probably the evidence ever reaches log(1/alpha) is a rising function of D, and so, whatever a model
answers, at most the sum of its steps, each times the largest P(D >= that).
"""

import math

import numpy as np
import pytest
from scipy.special import gammaln

from jaxverify import stats
from jaxverify.stats.balanced import worst_tail
from jaxverify.verification.sequential import judge


def log_choose(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def ever_reached(n, alpha, evidence):
    """For D = 0 to N: the share of the orders of D right answers in which it ever passes."""
    ways, firsts = np.array([0.0]), []  # logarithms of orders that have not passed yet
    for asked in range(1, n + 1):
        following = np.full(asked + 1, -np.inf)
        following[:-1] = ways
        following[1:] = np.logaddexp(following[1:], ways)
        right = np.arange(asked + 1)
        passes = evidence(right, np.full(asked + 1, asked)) >= -math.log(alpha)
        firsts += [(asked, k, following[k]) for k in right[passes & np.isfinite(following)]]
        ways = np.where(passes, -np.inf, following)
    asked, right, ways = np.array(firsts).T
    total = np.arange(n + 1)[:, None]
    fits = (total >= right) & (total - right <= n - asked)
    rest = log_choose(n - asked, np.where(fits, total - right, 0))
    return np.where(fits, np.exp(ways + rest - log_choose(n, total)), 0).sum(axis=1)


def largest_level(n, c, epsilon, alpha, evidence):
    """At most so often a model passes that has not converged, whatever it answers."""
    reached = ever_reached(n, alpha, evidence)
    steps = np.diff(reached, prepend=0.0)
    assert (steps > -1e-9).all()  # more right answers never pass less often
    return float((steps * worst_tail(np.arange(n + 1), n, c, epsilon)).sum())


SETTINGS = [
    (2, 20, 0.0),
    (2, 50, 0.08),
    (2, 200, 0.03),
    (2, 201, 0.0),
    (2, 400, 0.08),
    (3, 300, 0.03),
    (4, 300, 0.08),
    (10, 103, 0.0),
    (10, 400, 0.03),
    (100, 400, 0.03),
]


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.01, 0.001, 1e-4])
@pytest.mark.parametrize(("c", "n", "epsilon"), SETTINGS)
def test_whatever_it_answers_an_unconverged_model_ever_passes_within_alpha(c, n, epsilon, alpha):
    level = largest_level(
        n, c, epsilon, alpha, lambda k, t: stats.evidence_of_convergence(k, t, c, epsilon, n)
    )
    assert 0 < level <= alpha


def test_evidence_as_of_independent_labels_reached_it_too_often():
    """One answer to all samples that are not known: exact, as all of its orders are alike."""
    n, known = 1_000, 80
    reached = ever_reached(n, 0.01, lambda k, t: stats.evidence_of_convergence(k, t, 2, known / n))
    assert reached[known + n // 2] == pytest.approx(0.056, abs=0.001)
    mended = ever_reached(
        n, 0.01, lambda k, t: stats.evidence_of_convergence(k, t, 2, known / n, n)
    )
    assert mended[known + n // 2] <= 0.01


def test_orders_are_counted_as_they_fall():
    """Against 4,000 random orders."""
    n, rng = 60, np.random.default_rng(0)
    reached = ever_reached(n, 0.05, lambda k, t: stats.evidence_of_convergence(k, t, 2, 0.0, n))
    asked = np.arange(1, n + 1)
    for total in (33, 38):
        orders = rng.permuted(np.tile(np.arange(n) < total, (4_000, 1)), axis=1)
        right = orders.cumsum(axis=1)
        evidence = stats.evidence_of_convergence(
            right, np.broadcast_to(asked, right.shape), 2, 0.0, n
        )
        passed = (evidence >= math.log(20)).any(axis=1).mean()
        assert passed == pytest.approx(reached[total], abs=0.02)


def test_the_verdict_on_balanced_labels_takes_their_evidence():
    labels = np.random.default_rng(1).permutation(np.arange(200) % 2)
    independent, balanced = judge(labels, labels, 2), judge(labels, labels, 2, kind="balanced")
    assert (independent.outcome, balanced.outcome) == ("PASS", "PASS")
    enough = stats.evidence_of_convergence(balanced.num_asked, balanced.num_asked, 2, 0.03, 200)
    assert balanced.evidence == pytest.approx(float(enough))
    assert balanced.evidence < float(
        stats.evidence_of_convergence(balanced.num_asked, balanced.num_asked, 2)
    )
    assert balanced.fail_below > independent.fail_below


def test_where_one_answer_has_all_the_rest_right_nothing_is_evidence():
    assert not stats.evidence_of_convergence(np.array([0, 10]), np.array([0, 10]), 2, 0.5, 10).any()
