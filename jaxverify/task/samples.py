"""The one container for training data: features beside labels."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int, Shaped

from jaxverify.errors import UserError

# Of text: id 0 pads, id 1 stands for a word outside the vocabulary, words begin at id 2.
NUM_RESERVED_TOKENS = 2


class Samples(NamedTuple):
    """Labelled samples, a pytree of two arrays on the host or on a device.

    Attributes:
        features: images uint8 ``[n, height, width, channels]``, text as int32 token ids
            ``[n, max_length]``, or vectors float32 ``[n, d]``.
        labels: int32 ``[n]``, each in ``[0, num_classes)``.
    """

    features: Shaped[jax.Array | np.ndarray, "n ..."]
    labels: Int[jax.Array | np.ndarray, " n"]


def as_samples(dataset: Any, name: str = "dataset") -> Samples:
    """Samples of whatever a caller has: a pair of features and labels, as arrays or as lists.

    Args:
        dataset: ``Samples``, or a pair ``(features, labels)``.
        name: what the caller calls it, for errors.

    Raises:
        UserError: if it is no such pair, or its labels are not the index of a class for each
            sample.

    >>> as_samples(([[0.5, 0.25]], [1])).features.shape
    (1, 2)
    """
    if not isinstance(dataset, list | tuple) or len(dataset) != 2:
        raise UserError(f"{name} is a {type(dataset).__name__}; it is a pair (features, labels)")
    features, labels = (
        _as_array(part, f"{name}'s {what}")
        for part, what in zip(dataset, ("features", "labels"), strict=True)
    )
    if labels.dtype.kind in "USO":
        example = next(iter(np.ravel(labels)), "")
        raise UserError(
            f"{name}'s labels are texts, such as {example!s:.40}: give the index of each one's "
            "class, numpy.unique(labels, return_inverse=True)[1]"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise UserError(
            f"{name}'s labels are of shape {labels.shape} and type {labels.dtype}; they are whole "
            "numbers, one for each sample"
        )
    if len(features) != len(labels):
        raise UserError(
            f"{name} has {len(features)} samples and {len(labels)} labels: give each its label"
        )
    if len(labels) and int(labels.min()) < 0:
        raise UserError(f"{name}'s labels go down to {labels.min()}; classes count from 0")
    return Samples(features, labels)


def _as_array(values: Any, name: str) -> Any:
    if isinstance(values, jax.Array | np.ndarray):
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"{name} are no array: {error}") from error
    return array.astype(np.float32) if array.dtype == np.float64 else array
