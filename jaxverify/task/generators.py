"""What fills a region of an extra sample, by name; a new one is a function and an entry."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32, Shaped, UInt8, UInt32

from jaxverify.errors import UserError
from jaxverify.task.coarse import coarse
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.gratings import gratings
from jaxverify.task.samples import NUM_RESERVED_TOKENS

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
            return _bytes(key, shape)
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


def pink(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> UInt8[jax.Array, "h w c"]:
    """Noise of all sizes, smooth as clouds: the spectrum of photographs, where the paper's is flat.

    An octave after the other, noise is drawn and all before it drawn out to twice the size, between
    its neighbours in a straight line. Equal noise in every octave makes the amplitude fall as 1/f,
    as it does in photographs; nine tenths of the channels' variance are common to them, as
    there. It hides the samples from who looks for images that are rough, or whose colours are
    unlike; it does not hide the edge between the two regions, nor that nothing is shown.

    Args:
        key: of this region, typed, scalar.
        task: of kind "image".
        shape: of the region.

    Returns:
        uint8 pixels, around 128.

    Raises:
        UserError: if the task is not of images.

    Guarantee: made of integers alone, so of the same bytes on every machine. Given all other
    features, none takes a value with a probability above 1/8.
    """
    if task.kind != "image":
        raise UserError(f"generator is 'pink'; it fills images, not a task of kind {task.kind!r}")
    height, width, channels = shape
    sizes = [(height, width)]
    while max(sizes[0]) > 1:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    # All octaves of one draw, which is compiled once.
    ends = np.cumsum([rows * columns * (1 + channels) for rows, columns in sizes])
    draws = jnp.split(_bytes(key, (int(ends[-1]),)), ends[:-1])
    noise = jnp.zeros((1, 1, channels), jnp.int32)
    for (rows, columns), draw in zip(sizes, draws, strict=True):
        planes = draw.reshape(rows, columns, 1 + channels).astype(jnp.int32)
        fresh = 3 * planes[..., :1] + planes[..., 1:] - 510
        coarser = _doubled(_doubled(noise, 0), 1)[:rows, :columns]
        # Half of the finest: nothing comes after it and smooths it.
        noise = coarser + (fresh >> int((rows, columns) == (height, width)))
    return folded(noise)


def folded(noise: Int32[jax.Array, "h w c"]) -> UInt8[jax.Array, "h w c"]:
    """An eighth of the noise around 128, thrown back at black and white.

    Guarantee: 16 numbers at most, of any 256 in a row, give one pixel; cut off, all beyond would.
    """
    pixels = (128 + (noise >> 3)) & 511
    return jnp.minimum(pixels, 511 - pixels).astype(jnp.uint8)


def _doubled(noise: Int32[jax.Array, "h w c"], axis: int) -> Int32[jax.Array, "h2 w2 c"]:
    """Twice as long, each value between its neighbours: 3 parts of the nearer, 1 of the other."""
    size = noise.shape[axis]
    at = np.arange(size)
    before, after = (noise.take(np.clip(at + i, 0, size - 1), axis) for i in (-1, 1))
    inner = 3 * noise + 2
    pairs = jnp.stack([(before + inner) >> 2, (inner + after) >> 2], axis + 1)
    return pairs.reshape(*noise.shape[:axis], 2 * size, *noise.shape[axis + 1 :])


def _words(key: jax.Array, shape: tuple[int, ...]) -> UInt32[jax.Array, "..."]:
    return jax.random.bits(key, shape, jnp.uint32)


def _bytes(key: jax.Array, shape: tuple[int, ...]) -> UInt8[jax.Array, "..."]:
    size = math.prod(shape)
    words = _words(key, (-(-size // 4),))
    return jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[:size].reshape(shape)


GENERATORS: dict[str, Generator] = {
    "uniform": uniform,
    "zipf": zipf,
    "pink": pink,
    "gratings": gratings,
    "coarse": coarse,
}
