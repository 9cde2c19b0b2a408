"""Mixing a data set of any size with its extra task, from batches into a Parquet file."""

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pyarrow as pa
from jaxtyping import Int

from jaxverify import keys
from jaxverify.data.images import encode
from jaxverify.errors import UserError
from jaxverify.files.external_sort import RowSort
from jaxverify.files.row_groups import RowGroups
from jaxverify.files.whole import new_file
from jaxverify.task.mixing import check_alike, ranks
from jaxverify.task.samples import Samples

_BYTES_IN_MEMORY = 2**25  # of decoded samples that are sorted at once
_MOST_ROWS = 2**32


class Exported(NamedTuple):
    """What was written and, for the customer alone, where the extra samples are.

    Attributes:
        num_samples: rows of the file, ``|D| + N``.
        extra_positions: int64 ``[N]``; row ``extra_positions[i]`` is extra sample i.
    """

    num_samples: int
    extra_positions: Int[np.ndarray, " n"]


def export(
    key: jax.Array, dataset: Iterable[Samples], extra: Iterable[Samples], path: Path
) -> Exported:
    """Write what :func:`jaxverify.mix` would return, in memory that does not grow with it.

    The file has the columns that :func:`jaxverify.protect.export.to_table` describes. Every
    sample, original or extra, is encoded alike, and row groups are of one size, so nothing but
    its content tells an extra sample apart. On disk the rows take up room twice until it is done.

    Args:
        key: as :func:`jaxverify.mix` takes it.
        dataset: the original training set in batches of any size, in order, such as
            :func:`jaxverify.data.parquet.iter_samples` reads from a file.
        extra: the extra task in batches, such as
            :func:`jaxverify.task.generation.generate_batches` draws.
        path: of the Parquet file to be written; there must be none yet.

    Returns:
        Exported: the number of rows and the positions of the extra samples.

    Raises:
        UserError: if the file exists, if shapes or dtypes differ between batches, or if there is
            no original sample.

    Guarantee: the rows are those of ``mix``, in its order, and the bytes depend neither on the
    size of batches nor on the memory used; a run that fails leaves no file.
    """
    keys.check(key)
    originals = _Counted(dataset)
    first = next(originals, None)
    if first is None:
        raise UserError("the data set has no batches: give at least one sample")
    tables = map(to_table, _checked(first, itertools.chain([first], originals, extra)))
    rows = max(1, _BYTES_IN_MEMORY // max(1, np.asarray(first.features[:1]).nbytes))
    numbers, positions, written = [], [], 0
    rank = partial(ranks, key)
    with (
        new_file(path) as file,
        RowGroups(file, max(1, rows // 4)) as row_groups,
        RowSort(rank, bytes_in_memory=_BYTES_IN_MEMORY, folder=path.parent) as sort,
    ):
        for table in tables:
            sort.add(table)
        for row, table in sort.sorted():
            found = np.flatnonzero(row >= originals.num_samples)
            numbers.append(row[found])
            positions.append(found + written)
            row_groups.write(table)
            written += len(row)
        if not originals.num_samples:
            raise UserError("all batches of the data set are empty: give at least one sample")
    return Exported(written, np.concatenate(positions)[np.argsort(np.concatenate(numbers))])


class _Counted:
    """Batches, and how many samples have passed."""

    def __init__(self, batches: Iterable[Samples]) -> None:
        self._batches = iter(batches)
        self.num_samples = 0

    def __iter__(self) -> Iterator[Samples]:
        return self

    def __next__(self) -> Samples:
        batch = next(self._batches)
        self.num_samples += len(batch.labels)
        return batch


def _checked(first: Samples, batches: Iterable[Samples]) -> Iterator[Samples]:
    total = 0
    for batch in batches:
        check_alike(first, batch)
        total += len(batch.labels)
        if total > _MOST_ROWS:
            raise UserError(f"more than {_MOST_ROWS:,} samples cannot be mixed: split the data set")
        yield batch


def to_table(samples: Samples) -> pa.Table:
    """Samples as columns: ``image`` (PNG) or ``features`` (lists of fixed size), and ``label``.

    Args:
        samples: images uint8 ``[n, height, width, channels]``, or vectors or token ids
            ``[n, m]``.

    Guarantee: :func:`jaxverify.data.parquet.iter_samples` gives back the same values.
    """
    features = np.asarray(samples.features)
    labels = pa.array(np.asarray(samples.labels, np.int32))
    if features.ndim == 4 and features.dtype == np.uint8:
        return pa.table({"image": pa.array(encode(features), pa.binary()), "label": labels})
    if features.ndim != 2:
        raise UserError(
            f"features of shape {features.shape} and type {features.dtype} have no column: give "
            "images (uint8 [n, h, w, c]), token ids or vectors [n, m]"
        )
    values = pa.array(np.ascontiguousarray(features).reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(values, features.shape[1])
    return pa.table({"features": lists, "label": labels})
