"""Keys: streams of one root never meet, and what is no key is refused."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import UserError, keys


@given(st.text(), st.text())
def test_equal_names_give_equal_keys_different_names_give_different_keys(first, second):
    key = jax.random.key(3)
    a, b = (jax.random.key_data(keys.stream(key, name)) for name in (first, second))
    assert np.array_equal(a, b) == (first == second)


def test_from_secret_is_hmac_sha256_pinned_for_ever():
    data = jax.random.key_data(keys.from_secret(bytes(range(32)), "uploaded"))
    # python -c 'import hmac; print(hmac.digest(bytes(range(32)), b"uploaded", "sha256").hex())'
    assert [f"{word:08x}" for word in np.asarray(data)] == ["54ae6edc", "b5dc80ce"]


def test_a_short_secret_is_refused():
    with pytest.raises(UserError, match="at least 32 bytes, this one has 8"):
        keys.from_secret(bytes(8), "uploaded")


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize(
    ("key", "message"),
    [
        (7, "int, not a typed key"),
        (np.zeros(2, np.uint32), "ndarray, not a typed key"),
        (jax.random.PRNGKey(0), "wrap_key_data"),
        (jax.random.split(jax.random.key(0), 2), r"array of keys of shape \(2,\)"),
        (jax.random.key(0, impl="rbg"), "the key is of rbg"),
    ],
)
def test_what_is_not_one_typed_threefry_key_is_refused(key, message):
    with pytest.raises(UserError, match=message):
        keys.check(key)
