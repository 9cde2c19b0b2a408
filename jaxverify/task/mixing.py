"""Mixing the extra task into the training set, so that nothing tells where it went."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int, UInt32

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.samples import Samples, as_samples

_MOST_SPREAD = 20  # of a column, where the extra samples run from 0 to 1
_BLOCK = 2**14  # rows that are ranked at once, in the processor's cache
_TURNS = np.array([[13, 15, 26, 6], [17, 29, 16, 24]], np.uint32)  # bits, of the cipher


class Mixed(NamedTuple):
    """A protected training set and, for the customer alone, where the extra samples are.

    Attributes:
        samples: what is uploaded, ``|D| + N`` samples in random order, on the host.
        extra_positions: int64 ``[N]``; ``samples.features[extra_positions[i]]`` is extra sample i.
    """

    samples: Samples
    extra_positions: Int[np.ndarray, " n"]


def mix(key: jax.Array, dataset: Samples | Sequence[Any], extra: Samples | Sequence[Any]) -> Mixed:
    """Join ``extra`` to ``dataset`` and shuffle all of it.

    The original samples are shuffled too: were they left in their order, a data set sorted by
    class would show which samples do not belong.

    Args:
        key: a typed threefry key, scalar; another stream than the one of the samples.
        dataset: the original training set D, ``|D|`` samples, or a pair (features, labels).
        extra: the extra task, N samples of the same shape and dtype.

    Returns:
        Mixed: NumPy arrays on the host; the inputs are not changed.

    Raises:
        UserError: if shapes or dtypes differ, or a column of vectors has quite another range, so
            that the extra samples would stand out.

    Guarantee: the mixed set holds exactly the samples of both, each once, with its label.

    >>> data = Samples(np.zeros((9, 4), np.float32), np.zeros(9, np.int32))
    >>> extra = Samples(np.ones((2, 4), np.float32), np.ones(2, np.int32))
    >>> mixed = mix(jax.random.key(0), data, extra)
    >>> mixed.samples.labels[mixed.extra_positions]
    array([1, 1], dtype=int32)
    """
    keys.check(key)
    dataset, extra = as_samples(dataset), as_samples(extra, "extra")
    check_alike(dataset, extra)
    _check_ranges(dataset, extra)
    num_original = len(dataset.labels)
    order = np.argsort(ranks(key, np.arange(num_original + len(extra.labels))), kind="stable")
    features = np.concatenate([dataset.features, extra.features])[order]
    labels = np.concatenate([dataset.labels, extra.labels]).astype(np.int32)[order]
    return Mixed(Samples(features, labels), np.argsort(order)[num_original:])


def _check_ranges(dataset: Samples, extra: Samples) -> None:
    """Raise a UserError if vectors of noise would stand out by their size."""
    features, others = np.asarray(dataset.features), np.asarray(extra.features)
    if features.ndim != 2 or features.dtype.kind != "f" or not len(features) or not len(others):
        return
    if others.min() < 0 or others.max() > 1:
        return  # no noise of ours
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    apart = (high < 0) | (low > 1) | (high - low > _MOST_SPREAD)
    for column in np.flatnonzero(apart)[:1]:
        raise UserError(
            f"column {column} of the data runs from {low[column]:g} to {high[column]:g}, and the "
            "extra samples from 0 to 1, so that they would stand out: scale each column to [0, 1] "
            "first, for the model too (jaxverify protect does so by itself)"
        )


def ranks(key: jax.Array, rows: Int[np.ndarray, " n"]) -> UInt32[np.ndarray, " n"]:
    """What the rows are sorted by when they are mixed; rows of one rank keep their order.

    Args:
        key: a typed threefry key, scalar.
        rows: numbers of rows, the original samples first and the extra ones after them, each in
            ``[0, 2**32)``.

    Guarantee: the rank of a row depends on the key and its number alone, so that a part of the
    rows can be mixed without the others; it is the row's element of
    ``jax.random.bits(key, (n,))``.
    """
    # fold_in encrypts the row's number as jax.random.bits does the element's; bits joins the two
    # words of the result by exclusive or.
    words = np.asarray(jax.random.key_data(key))
    blocks = [
        np.bitwise_xor(*_threefry(words, rows[start : start + _BLOCK].astype(np.uint32)))
        for start in range(0, len(rows), _BLOCK)
    ]
    return np.concatenate([np.zeros(0, np.uint32), *blocks])


def _threefry(
    key: UInt32[np.ndarray, " 2"], counters: UInt32[np.ndarray, " n"]
) -> tuple[UInt32[np.ndarray, " n"], UInt32[np.ndarray, " n"]]:
    """Threefry-2x32 of the counters (0, i): JAX's cipher, whose program takes longer to compile."""
    first, second = key[:, None]  # arrays: of single numbers NumPy would tell every overflow
    schedule = (first, second, first ^ second ^ np.uint32(0x1BD11BDA))
    left, right = np.full_like(counters, first), counters + second
    for group in range(5):
        for turn in _TURNS[group % 2]:
            left += right
            right = (right << turn | right >> np.uint32(32 - turn)) ^ left
        left += schedule[(group + 1) % 3]
        right += schedule[(group + 2) % 3] + np.uint32(group + 1)
    return left, right


def check_alike(dataset: Samples, others: Samples) -> None:
    """Raise where ``others`` would stand out, or samples and labels differ in number."""
    ours, theirs = others.features, dataset.features
    if ours.shape[1:] != theirs.shape[1:] or ours.dtype != theirs.dtype:
        raise UserError(
            f"samples of shape {ours.shape[1:]} and type {ours.dtype} would stand out in a data "
            f"set of shape {theirs.shape[1:]} and type {theirs.dtype}"
        )
    for features, labels in (dataset, others):
        if len(features) != len(labels):
            raise UserError(
                f"there are {len(features)} samples and {len(labels)} labels: give each its label"
            )
