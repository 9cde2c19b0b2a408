"""Rows of a training set, in batches of one size, in random order."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Int

from jaxverify import keys
from jaxverify.task.samples import Samples


def batches(num_samples: int, size: int, key: jax.Array) -> Iterator[Int[np.ndarray, " size"]]:
    """Row numbers ``[size]`` without end: one random order of all samples after another."""
    generator = np.random.default_rng(np.asarray(jax.random.key_data(keys.stream(key, "order"))))
    rows = np.empty(0, np.int64)
    while True:
        while len(rows) < size:
            rows = np.concatenate([rows, generator.permutation(num_samples)])
        yield rows[:size]
        rows = rows[size:]


def take(dataset: Samples, rows: Int[np.ndarray, " m"]) -> Samples:
    """The samples of some rows, in their order."""
    return Samples(dataset.features[rows], dataset.labels[rows])
