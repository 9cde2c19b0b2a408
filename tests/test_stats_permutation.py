import math
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxverify import stats
from jaxverify.errors import UserError


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        ([0, 1, 2, 0, 1, 2, 2], [0, 1, 2, 0, 2, 1, 1]),
        ([1, 1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 1, 0]),
        ([-1, 5, 1, 0, 0, 1, 1], [1, 0, 1, 0, 0, 1, 1]),  # answers that are no class
        ([3, 2, 1, 0, 3, 2, 1], [3, 3, 3, 3, 3, 3, 0]),
    ],
)
def test_p_value_is_the_share_of_all_orders_with_as_many_matches(predictions, labels):
    observed = sum(p == y for p, y in zip(predictions, labels, strict=True))
    orders = np.array(list(permutations(labels)))
    exact = ((orders == predictions).sum(axis=1) >= observed).mean()
    num_permutations = 50_000
    p_value = stats.permutation_p_value(
        jax.random.key(0), jnp.array(predictions), jnp.array(labels), num_permutations, epsilon=0.0
    )
    error = math.sqrt(exact * (1 - exact) / num_permutations)
    assert float(p_value) == pytest.approx(exact, abs=5 * error + 1 / num_permutations)
    assert 0.01 < exact < 0.99  # so that the comparison says something


def test_p_value_counts_the_permutations_asked_for_and_the_observed_order():
    labels = jnp.arange(200) % 4
    for num_permutations in (1, 64, 65):
        key = jax.random.key(num_permutations)
        p_value = stats.permutation_p_value(key, labels, labels, num_permutations)
        assert p_value == jnp.float32(1) / (1 + num_permutations)


def test_answers_that_are_no_class_match_nothing():
    labels = jnp.arange(100) % 2
    known = jnp.arange(100) < 40
    for no_class in (-1, 2, 1_000):
        predictions = jnp.where(known, labels, no_class)
        assert stats.permutation_p_value(jax.random.key(0), predictions, labels) < 0.001
        assert stats.permutation_p_value(jax.random.key(0), predictions * 0 - 1, labels) == 1


def test_each_forgiven_sample_takes_off_two_matches():
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    predictions = np.array([0, 0, 1, 1, 2, 2, 3, 0])
    orders = np.array(list(permutations(labels)))
    exact = ((orders == predictions).sum(axis=1) >= 7 - 2).mean()
    p_value = stats.permutation_p_value(
        jax.random.key(0), jnp.array(predictions), jnp.array(labels), 50_000, epsilon=0.2
    )
    assert float(p_value) == pytest.approx(exact, abs=5 * math.sqrt(exact / 50_000))
    with pytest.raises(UserError, match=r"epsilon is 1\.0"):
        stats.permutation_p_value(jax.random.key(0), labels, labels, epsilon=1.0)


@pytest.mark.optimized
def test_models_under_vmap_are_judged_by_the_same_permutations():
    rng = np.random.default_rng(0)
    labels = jnp.int32(rng.integers(3, size=50))
    predictions = jnp.int32(rng.integers(-1, 3, size=(5, 50)))
    key = jax.random.key(3)
    together = jax.jit(jax.vmap(lambda p: stats.permutation_p_value(key, p, labels, 500)))(
        predictions
    )
    alone = [stats.permutation_p_value(key, p, labels, 500) for p in predictions]
    np.testing.assert_array_equal(together, alone)
    other = stats.permutation_p_value(jax.random.key(4), predictions[0], labels, 500)
    assert other != alone[0]


def test_memory_does_not_grow_with_the_permutations():
    labels = jnp.arange(1_000) % 4

    def bytes_used(num_permutations):
        lowered = stats.permutation_p_value.lower(
            jax.random.key(0), labels, labels, num_permutations
        )
        memory = lowered.compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    few, many = 1_000, 100_000
    assert bytes_used(many) - bytes_used(few) <= 16 * (many - few)  # the counts, not the orders


def test_a_number_of_permutations_below_one_is_named():
    labels = jnp.arange(10) % 2
    with pytest.raises(UserError, match="num_permutations is 0"):
        stats.permutation_p_value(jax.random.key(0), labels, labels, num_permutations=0)


def test_an_answer_is_wanted_for_each_label(untyped_caller):
    labels = jnp.arange(10) % 2
    with pytest.raises(UserError, match=r"predictions are \(1,\), but labels \(10,\)"):
        stats.permutation_p_value(jax.random.key(0), labels[:1], labels)
