"""The share of an upload's rows that a model was trained on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import UserError
from jaxverify.cli.evidence import rows_cautions
from jaxverify.stats.usage import rows_used


def answers(rng, used: float, doses, known: float, num_classes: int):
    """Of a model that has seen each copy with the share ``used``, and knows a part of these."""
    seen = rng.random((len(doses), 64)) < used
    seen &= np.arange(64) < doses[:, None]
    knows = seen.any(1) & (rng.random(len(doses)) < known)
    return knows | (rng.random(len(doses)) < 1 / num_classes)


@pytest.mark.parametrize("levels", [(1,), (0, 1), (0, 4), (0, 1, 2)])
@pytest.mark.parametrize(("used", "known"), [(0.3, 1.0), (0.5, 0.8), (0.9, 0.7), (1.0, 0.6)])
def test_the_bounds_hold_with_the_confidence(levels, used, known):
    rng, held = np.random.default_rng(7), 0
    doses = np.resize(levels, 240)
    for _ in range(400):
        right = answers(rng, used, doses, known, 5)
        bounds = rows_used(right, doses, 5, finished_share=known)
        held += bounds.lower <= used <= bounds.upper
    assert held >= 0.93 * 400  # 0.95 but for chance


@settings(max_examples=30)
@given(st.floats(0, 1), st.integers(0, 100), st.sampled_from([(1,), (0, 1), (0, 4)]))
def test_bounds_are_shares_in_order_whatever_the_answers(share, seed, levels):
    rng, doses = np.random.default_rng(seed), np.resize(levels, 60)
    right = rng.random(60) < share
    bounds = rows_used(right, doses, 3, finished_share=1.0)
    assert 0 <= bounds.lower <= 1
    assert 0 <= bounds.upper <= 1
    assert rows_used(right, doses, 3).upper == 1
    assert rows_used(right, doses, 3).lower == bounds.lower


def test_a_cloud_that_used_half_is_told_from_one_that_used_all():
    rng, doses = np.random.default_rng(3), np.resize((0, 1), 800)
    half = rows_used(answers(rng, 0.5, doses, 0.95, 10), doses, 10, finished_share=0.95)
    every = rows_used(answers(rng, 1.0, doses, 0.95, 10), doses, 10, finished_share=0.95)
    assert half.upper < 0.65 < every.lower
    (caution,) = rows_cautions(half._asdict())
    assert f"At most {half.upper:.0%} of the rows were used" in caution
    assert rows_cautions(every._asdict()) == []


def test_nothing_to_go_by_is_refused():
    with pytest.raises(UserError, match="no sample stands in the upload"):
        rows_used(np.ones(4, bool), np.zeros(4, int), 2)
    with pytest.raises(UserError, match=r"finished_share is 0\.0"):
        rows_used(np.ones(4, bool), np.ones(4, int), 2, finished_share=0.0)
