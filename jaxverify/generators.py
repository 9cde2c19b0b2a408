"""What fills a region of an extra sample, by name; a new one is a function and an entry."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Shaped, UInt32

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


def _words(key: jax.Array, shape: tuple[int, ...]) -> UInt32[jax.Array, "..."]:
    return jax.random.bits(key, shape, jnp.uint32)


GENERATORS: dict[str, Generator] = {"uniform": uniform}
