"""What studies share: which settings to run, where their data lie, and in which form."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from jaxverify.errors import UserError
from jaxverify.task.samples import Samples


def chosen(names: Collection[str] | None, known: Collection[str]) -> list[str]:
    """The settings named, or all.

    Raises:
        UserError: if there is none of a name.
    """
    for name in names or ():
        if name not in known:
            raise UserError(f"no setting is called {name!r}; there are {', '.join(known)}")
    return list(names or known)


def folder_of(data: Path | None, dataset: str) -> Path | None:
    """Where a data set lies in a folder of folders; None, if it comes from elsewhere."""
    if data is None or not (data / dataset).exists():
        return None
    return data / dataset


def in_form(samples: Samples, side: int | None, as_table: bool) -> Samples:
    """Images made smaller, or read as rows of numbers in [0, 1), by the mean of their fields."""
    images = np.asarray(samples.features)
    if side is not None:
        n, height, width, channels = images.shape
        fields = images.reshape(n, side, height // side, side, width // side, channels)
        images = fields.mean(axis=(2, 4)).astype(np.uint8)
    if as_table:
        images = images.reshape(len(images), -1).astype(np.float32) / 256
    return Samples(images, samples.labels)
