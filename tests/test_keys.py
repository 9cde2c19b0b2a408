"""Keys: streams of one root do not meet, and what is no key is refused."""

import ast
import hashlib
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import UserError, keys


def data(name):
    return np.asarray(jax.random.key_data(keys.stream(jax.random.key(3), name))).tolist()


def first_32_bits(name):
    return hashlib.sha256(name.encode()).digest()[:4]


@given(st.text(), st.text())
def test_equal_names_give_equal_keys_different_ones_where_the_first_32_bits_of_sha_256_differ(
    first, second
):
    assert (data(first) == data(second)) == (first_32_bits(first) == first_32_bits(second))


def test_two_names_that_share_the_first_32_bits_share_a_key():
    seen = {}
    for i in range(1_000_000):  # of so many, a pair is all but sure: e^-116 to have none
        other = seen.setdefault(first_32_bits(f"name {i}"), i)
        if other != i:
            break
    assert other != i
    assert data(f"name {other}") == data(f"name {i}")


def test_of_all_names_that_are_written_in_this_project_none_share_a_key():
    """Of all short texts in it, since some names are passed on before they are used."""
    root, found = Path(__file__).parents[1], set()
    for path in [*root.glob("jaxverify/**/*.py"), *root.glob("train/**/*.py")]:
        texts = (getattr(node, "value", None) for node in ast.walk(ast.parse(path.read_text())))
        found |= {text for text in texts if isinstance(text, str) and len(text) < 100}
    assert {"labels", "random region", "placement", "images", "permutation"} <= found
    assert len({first_32_bits(name) for name in found}) == len(found)


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
