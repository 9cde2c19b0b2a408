"""Keys: named streams, so that the uses of one root key do not meet."""

import hashlib
import hmac
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxverify.errors import UserError

_IMPLEMENTATION = "threefry2x32"


def stream(key: jax.Array, name: str) -> jax.Array:
    """The key of the stream ``name`` below ``key``: ``fold_in`` of a stable hash of the name.

    Args:
        key: a typed key, scalar, from :func:`jax.random.key`.
        name: any text; its SHA-256 decides, so it means the same in every process.

    Guarantee: equal names give equal keys. Different names give different keys where the first 32
    bits of their SHA-256 differ, which any two of n names fail to do with a probability of about
    ``n**2 / 2**33``; of all names that are written in this project none do.

    >>> key = jax.random.key(0)
    >>> bool((stream(key, "labels") == stream(key, "labels")).all())
    True
    """
    digest = hashlib.sha256(name.encode()).digest()
    return jax.random.fold_in(key, np.uint32(int.from_bytes(digest[:4], "big")))


def streams(key: jax.Array, names: Sequence[str]) -> dict[str, jax.Array]:
    """The key of each of several streams, once the key itself is checked.

    Raises:
        UserError: as :func:`check`.
    """
    check(key)
    return {name: stream(key, name) for name in names}


def from_secret(secret: bytes, name: str) -> jax.Array:
    """The key of the stream ``name`` under a secret of at least 32 bytes (HMAC-SHA-256).

    ``jax.random.key(7)`` can be found by trying seeds against the uploaded samples. Draw a secret
    with ``secrets.token_bytes(32)``, keep it, and derive every key from it here.

    Raises:
        UserError: if the secret is shorter than 32 bytes.

    Guarantee: equal secrets and names give equal keys, on every machine.

    >>> from_secret(bytes(32), "extra task").shape
    ()
    """
    if len(secret) < 32:
        raise UserError(f"a secret has at least 32 bytes, this one has {len(secret)}")
    digest = hmac.digest(secret, name.encode(), "sha256")
    words = np.frombuffer(digest[:8], dtype=">u4").astype(np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words), impl=_IMPLEMENTATION)


def check(key: jax.Array) -> None:
    """Refuse what is not one typed threefry key: other generators draw other samples.

    Raises:
        UserError: if ``key`` is a raw array, a batch of keys, or of another implementation.
    """
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)):
        raise UserError(
            f"key is {type(key).__name__}, not a typed key: make one with jax.random.key(...) or "
            "wrap an old one with jax.random.wrap_key_data(...)"
        )
    if key.shape != ():
        raise UserError(f"one key is wanted, not an array of keys of shape {key.shape}")
    if str(jax.random.key_impl(key)) != _IMPLEMENTATION:
        raise UserError(
            f"the key is of {jax.random.key_impl(key)}, and the extra task is drawn with "
            f"{_IMPLEMENTATION}: pass impl={_IMPLEMENTATION!r} to jax.random.key"
        )
