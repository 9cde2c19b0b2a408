"""Mixing: nothing is lost, nothing shows where the extra samples went."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import Samples, UserError, keys, mix
from jaxverify.task.mixing import ranks


def numbered(start: int, size: int) -> Samples:
    numbers = np.arange(start, start + size, dtype=np.int32)
    return Samples(np.stack([numbers, -numbers], axis=1), numbers % 7)


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 99))
@settings(max_examples=40)
def test_the_mixed_set_holds_exactly_the_samples_of_both_each_once_with_its_label(n, k, seed):
    dataset, extra = numbered(0, n), numbered(1000, k)
    mixed = mix(jax.random.key(seed), dataset, extra)
    features, labels = mixed.samples
    np.testing.assert_array_equal(features[mixed.extra_positions], extra.features)
    np.testing.assert_array_equal(labels[mixed.extra_positions], extra.labels)
    assert sorted(features[:, 0]) == sorted([*dataset.features[:, 0], *extra.features[:, 0]])
    np.testing.assert_array_equal(labels, features[:, 0] % 7)
    assert features.dtype == dataset.features.dtype


# The customer finds the extra samples again by mixing again, long after (as of commit 38a8136).
@pytest.mark.optimized
def test_golden_order():
    mixed = mix(jax.random.key(42), numbered(0, 1000), numbered(1000, 50))
    content = mixed.samples.features.tobytes() + mixed.extra_positions.tobytes()
    expected = "29ef0e9f578a8adac2ae2a6167f1df52967b94964cafaee1fac2c513e29c8197"
    assert hashlib.sha256(content).hexdigest() == expected


@pytest.mark.parametrize("n", [0, 1, 1000, 2**16, 2**17 + 3])
@pytest.mark.optimized
def test_a_rows_rank_is_its_element_of_the_bits_of_the_key_alone_or_among_others(n):
    for key in (jax.random.key(5), keys.from_secret(b"\xff" * 32, "mixing")):
        with jax.threefry_partitionable(True):
            bits = np.asarray(jax.random.bits(key, (n,), jnp.uint32))
        np.testing.assert_array_equal(ranks(key, np.arange(n)), bits)
        some = np.arange(n)[::-7]
        np.testing.assert_array_equal(ranks(key, some), bits[some])


def test_positions_are_spread_over_the_whole_set_and_depend_on_the_key():
    first = mix(jax.random.key(0), numbered(0, 10_000), numbered(10_000, 1000))
    second = mix(jax.random.key(1), numbered(0, 10_000), numbered(10_000, 1000))
    assert (first.extra_positions != second.extra_positions).mean() > 0.9
    tenths = np.bincount(first.extra_positions // 1100, minlength=10)
    assert tenths.min() > 60  # 100 expected in each, standard deviation below 10
    # The originals are shuffled too: their order shows nothing.
    assert (np.diff(first.samples.features[:, 0]) > 0).mean() < 0.6


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (Samples(np.zeros((3, 5), np.int32), np.zeros(3, int)), "shape \\(5,\\)"),
        (Samples(np.zeros((3, 2), np.float32), np.zeros(3, int)), "type float32"),
        (Samples(np.zeros((3, 2), np.int32), np.zeros(4, int)), "3 samples and 4 labels"),
    ],
)
def test_extra_samples_that_would_stand_out_are_refused(extra, message):
    with pytest.raises(UserError, match=message):
        mix(jax.random.key(0), numbered(0, 10), extra)
