"""Extra samples made of the customer's own data, so that they look like these."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask, Kind
from jaxverify.task.generation import (
    STREAMS,
    Draw,
    Streams,
    assemble,
    labels_and_fixed,
    region_start_of,
)
from jaxverify.task.generators import GENERATORS
from jaxverify.task.samples import Samples

_PATCHES_ASIDE = 4  # of the random region of an image
_WORDS = 4  # of a phrase
_PADDING = 0  # the token id


def generate_from(
    pool: Shaped[jax.Array | np.ndarray, "k ..."] | Sequence[Any],
    *,
    key: jax.Array,
    task: ExtraTask,
    style: str,
    indices: Int[jax.Array, " n"] | None = None,
) -> Samples:
    """The extra samples of ``task`` under ``key``, made of the customer's own data.

    A sibling of :func:`jaxverify.generate`, with the same labels, so that
    :func:`jaxverify.verification.verify_answers` judges the answers to either. The record of
    ``jaxverify protect`` does not hold the pool: keep it, and the order of its samples.

    - "patches" (images): the fixed region is that of a real image, the random one a grid of small
      patches of others. Hides: every statistic of single pixels and of their neighbours within a
      patch. Does not hide: the edges of the patches, nor that one block is in many samples.
    - "phrases" (text): the fixed region is of successive words of real texts, the random one of
      phrases of four words. Hides: rare words and rare sequences, but at every fourth word. Does
      not hide: that a long run of words is in many samples, nor that nothing is said.
    - "blended" (images): the mean of a real image, another one in each sample, and of a fixed
      pattern that ``task.generator`` draws; ``fixed_ratio`` and ``placement`` mean nothing to it.
      Hides: any identical block. Does not hide: the pattern, which the mean of many samples
      shows; nor, if the images are in the training set too, that each looks like one of them.
    - "own" (images and texts): real ones as they are, another one in each sample; ``fixed_ratio``
      and ``placement`` mean nothing to it. Hides: everything but that each stands in the training
      set twice, with two labels, if the pool is a part of it.
    - "cells" (tables): every value is one that stands in its column. Hides: spelling and range of
      the values. Does not hide: that columns do not belong together.

    Args:
        pool: uint8 images ``[k, *task.shape]``, integer token ids ``[k, m]`` of texts of any
            length, in which 0 pads, or float32 vectors ``[k, d]``. For "blended" and "own" 2 N
            at least, as the twins have others.
        key: as :func:`jaxverify.generate` takes it.
        task: as :func:`jaxverify.generate` takes it; its ``generator`` matters to "blended" alone.
        style: "patches", "phrases", "blended", "own" or "cells".
        indices: as :func:`jaxverify.generate` takes it: those of held-out twins are N and above.

    Raises:
        UserError: if the style is unknown or of another kind than the task, or the pool does not
            fit the task.

    Guarantee: sample i depends on (pool, key, task, style, i) alone, and holds nothing but what
    stands in the pool, or is blended with it. Two samples may coincide where the pool is small or
    plain; "blended" and "own" ones do so only where two samples of the pool do.

    >>> images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)
    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=20)
    >>> generate_from(images, key=jax.random.key(0), task=task, style="patches").features.shape
    (20, 8, 8, 1)
    """
    of = keys.streams(key, (*STREAMS, "carriers"))
    if style not in STYLES:
        raise UserError(f"style is {style!r}; known are {', '.join(STYLES)}")
    kinds, make = STYLES[style]
    if task.kind not in kinds:
        known = " or ".join(map(repr, kinds))
        raise UserError(f"style is {style!r}; it is for a task of kind {known}, not {task.kind!r}")
    pool = pool if isinstance(pool, jax.Array) else np.asarray(pool)
    _check_pool(pool, task, style)
    if indices is None:
        indices = jnp.arange(task.num_samples)
    with jax.threefry_partitionable(True):
        return make(jnp.asarray(pool), of, task, indices)


def draw_from(pool: Shaped[jax.Array | np.ndarray, "k ..."] | Sequence[Any], style: str) -> Draw:
    """The function of key, task and indices that :func:`generate_from` is for a pool and style."""

    def draw(key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"]) -> Samples:
        return generate_from(pool, key=key, task=task, style=style, indices=indices)

    return draw


def _check_pool(pool: Shaped[jax.Array | np.ndarray, "k ..."], task: ExtraTask, style: str) -> None:
    if task.kind == "image":
        fits = pool.dtype == np.uint8 and pool.shape[1:] == task.shape
        wanted = f"uint8 images of shape {task.shape}"
    elif task.kind == "vector":
        fits = pool.dtype == np.float32 and pool.shape[1:] == task.shape
        wanted = f"float32 vectors of {task.shape[0]} numbers"
    else:
        fits = np.issubdtype(pool.dtype, np.integer) and pool.ndim == 2
        wanted = "token ids of texts"
    if not fits:
        raise UserError(f"the pool is {pool.dtype} of shape {pool.shape}; {wanted} are wanted")
    if style in ("blended", "own") and len(pool) < 2 * task.num_samples:
        raise UserError(
            f"the pool has {len(pool)} samples; {task.num_samples} extra samples and as many "
            f"held-out twins need {2 * task.num_samples}"
        )
    if style == "phrases" and pool.size < task.shape[0]:
        raise UserError(f"the pool has {pool.size} words; a sample has {task.shape[0]}")


@partial(jax.jit, static_argnames="task")
def _patches(
    pool: jax.Array, of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"]
) -> Samples:
    height, width, _ = task.shape
    size = max(1, min(task.random_shape[:2]) // _PATCHES_ASIDE)

    def whole(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> jax.Array:
        del task, shape
        return pool[_below(keys.stream(key, "image"), (), len(pool))]

    def grid(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> jax.Array:
        del task
        y, x = np.indices(shape[:2])
        patches = (-(-shape[0] // size), -(-shape[1] // size))
        # The image and the place in it that each patch is cut out of.
        image, top, left = (
            _below(keys.stream(key, name), patches, bound)[y // size, x // size]
            for name, bound in (
                ("images", len(pool)),
                ("tops", height - size + 1),
                ("lefts", width - size + 1),
            )
        )
        return pool[image, top + y % size, left + x % size]

    return assemble(of, task, indices, fixed=whole, random=grid)


@partial(jax.jit, static_argnames="task")
def _phrases(
    pool: jax.Array, of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"]
) -> Samples:
    # One text after the other, without padding between them.
    tokens = pool.astype(jnp.int32).ravel()
    (places,) = jnp.nonzero(tokens != _PADDING, size=tokens.size, fill_value=0)
    words, number = tokens[places], jnp.sum(tokens != _PADDING)

    def successive(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> jax.Array:
        del task
        return cut(keys.stream(key, "text"), 1, shape[0])

    def phrases(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> jax.Array:
        del task
        return cut(keys.stream(key, "phrases"), -(-shape[0] // _WORDS), _WORDS)[: shape[0]]

    def cut(key: jax.Array, count: int, length: int) -> jax.Array:
        starts = _below(key, (count, 1), jnp.maximum(number - length + 1, 1))
        return words[starts + np.arange(length)[None]].ravel()

    return assemble(of, task, indices, fixed=successive, random=phrases)


@partial(jax.jit, static_argnames="task")
def _blended(
    pool: jax.Array, of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"]
) -> Samples:
    labels, patterns = labels_and_fixed(of, task, indices, GENERATORS[task.generator])
    draws = jax.random.bits(of["carriers"], (len(pool),), jnp.uint32)
    carriers = pool[jnp.argsort(draws)[indices]]
    total = carriers.astype(jnp.uint16) + patterns.astype(jnp.uint16)
    return Samples((total >> 1).astype(jnp.uint8), labels)


@partial(jax.jit, static_argnames="task")
def _own(pool: jax.Array, of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"]) -> Samples:
    labels, _ = labels_and_fixed(of, task, indices, GENERATORS[task.generator])
    draws = jax.random.bits(of["carriers"], (len(pool),), jnp.uint32)
    chosen = pool[jnp.argsort(draws)[indices]]
    if task.kind == "text":
        (length,) = task.shape
        padded = jnp.pad(chosen, ((0, 0), (0, max(0, length - chosen.shape[1]))))
        chosen = padded[:, :length].astype(jnp.int32)
    return Samples(chosen, labels)


@partial(jax.jit, static_argnames="task")
def _cells(pool: jax.Array, of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"]) -> Samples:
    def cells(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> jax.Array:
        del task
        return pool[_below(key, shape, len(pool)), jnp.arange(shape[0])]

    labels, fixed = labels_and_fixed(of, task, indices, cells)
    keys_of = jax.vmap(partial(jax.random.fold_in, of["random region"]))(indices)
    whole = jax.vmap(lambda key: cells(key, task, task.shape))(keys_of)
    start, columns = region_start_of(of, task)[0], jnp.arange(task.shape[0])
    inside = (columns >= start) & (columns < start + task.random_shape[0])
    return Samples(jnp.where(inside[None], whole, fixed), labels)


def _below(key: jax.Array, shape: tuple[int, ...], bound: int | jax.Array) -> jax.Array:
    """Whole numbers from 0, uniform but for bound / 2^32."""
    draws = jax.random.bits(key, shape, jnp.uint32)
    return (draws % jnp.uint32(bound)).astype(jnp.int32)


STYLES: dict[str, tuple[tuple[Kind, ...], Callable[..., Samples]]] = {
    "patches": (("image",), _patches),
    "phrases": (("text",), _phrases),
    "blended": (("image",), _blended),
    "own": (("image", "text"), _own),
    "cells": (("vector",), _cells),
}
