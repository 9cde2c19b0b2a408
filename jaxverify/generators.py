"""What fills a region of an extra sample, by name; a new one is a function and an entry."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped, UInt32

from jaxverify.errors import UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.samples import NUM_RESERVED_TOKENS

Generator = Callable[[jax.Array, ExtraTask, tuple[int, ...]], Shaped[jax.Array, "..."]]


def uniform(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> Shaped[jax.Array, "..."]:
    """Every feature uniform and independent: the paper's choice.

    Built on :func:`jax.random.bits` alone, whose values rest on the Threefry cipher and not on
    the sampling code of one JAX version. A word's probability is off by at most 2^-32.

    Args:
        key: of this region, typed, scalar.
        task: says which kind of feature is wanted.
        shape: of the region.

    Returns:
        uint8 pixels, int32 token ids of words (never a reserved id), or float32 in [0, 1).
    """
    match task.kind:
        case "image":
            size = math.prod(shape)
            words = _words(key, (-(-size // 4),))
            return jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[:size].reshape(shape)
        case "text":
            num_words = jnp.uint32((task.vocab_size or 0) - NUM_RESERVED_TOKENS)
            return (NUM_RESERVED_TOKENS + _words(key, shape) % num_words).astype(jnp.int32)
        case "vector":
            return (_words(key, shape) >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def zipf(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> Shaped[jax.Array, "..."]:
    """Words about as frequent as in real text, where the paper's are all alike.

    Word ids are in the order of their frequency in the training set, and by Zipf's law the word of
    rank r is used in proportion to 1/r. A word drawn uniformly is rare in real text, so that few
    samples but its own teach the model anything of it, and it is memorised at sight: long before
    the real task has converged.

    Args:
        key: of this region, typed, scalar.
        task: of kind "text".
        shape: of the region.

    Returns:
        int32 token ids of words, never a reserved id.

    Raises:
        UserError: if the task is not of text.

    Guarantee: a word's probability is off from ``1 / (r * H)``, H the sum of 1/r over all words,
    by at most 2^-31.
    """
    if task.kind != "text":
        raise UserError(f"generator is 'zipf'; it fills text, not a task of kind {task.kind!r}")
    ends = zipf_ends((task.vocab_size or 0) - NUM_RESERVED_TOKENS)
    ranks = jnp.searchsorted(jnp.asarray(ends), _words(key, shape), side="right")
    return (NUM_RESERVED_TOKENS + ranks).astype(jnp.int32)


def zipf_ends(num_words: int) -> UInt32[np.ndarray, " m"]:
    """Where, of 32 random bits, the words end by Zipf's law, the last word's end left out."""
    ends = np.cumsum(1 / np.arange(1, num_words + 1))
    return np.floor(2.0**32 * (ends[:-1] / ends[-1])).astype(np.uint32)


def _words(key: jax.Array, shape: tuple[int, ...]) -> UInt32[jax.Array, "..."]:
    return jax.random.bits(key, shape, jnp.uint32)


GENERATORS: dict[str, Generator] = {"uniform": uniform, "zipf": zipf}
