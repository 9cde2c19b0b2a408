"""Real samples among the questions: decoys, and the customer's own training samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
from jaxtyping import Int

from jaxverify.challenge.questions import Own, own_ids
from jaxverify.errors import DataError
from jaxverify.protect.opening import open_rows
from jaxverify.protect.rows import Rows
from jaxverify.protect.survey import label_column, listed
from jaxverify.record.record import Record
from jaxverify.record.shard import Shard
from jaxverify.rendering import ImageRendering, VectorRendering


def read_decoys(
    path: Path, record: Record, number: int, rng: np.random.Generator
) -> dict[str, list[Any]]:
    """So many samples of a data set, drawn at random, by the columns that the model reads.

    Args:
        path: as ``jaxverify protect`` takes it: samples that the cloud has not seen.
        record: tells the columns, and of numbers their type.
        number: how many; all where there are not so many.
        rng: draws them.

    Raises:
        DataError: if the data have no such column, or a number cannot be read.
    """
    whole = _select(open_rows(path), record.columns)
    return _features(path, whole.take(pa.array(_draw(whole, number, rng))), record)


def read_own(path: Path, record: Record, shard: Shard, label: str | None) -> Own:
    """As many of the customer's own training samples as extra ones, drawn by the record's secret.

    Args:
        path: the data set that was given to ``jaxverify protect``, not what it wrote.
        record: as :func:`read_decoys` takes it.
        shard: for which part of the extra task. Of data with fewer samples than there are extra
            ones, all are asked, over all parts.
        label: the column of the labels; without it one of the usual names.

    Raises:
        DataError: as :func:`read_decoys` does, or if there is no such column of labels, or a label
            that the record does not know, or so few samples that the part would be empty.

    Guarantee: the same arguments give the same samples; who lacks the record cannot tell which;
    and no sample is asked for two parts.
    """
    rows = open_rows(path)
    if label is None:
        columns = (rows.columns(table) for table in rows.tables())
        label = next((label_column(rows, some, "--own-label") for some in columns), "")
    if label in record.columns:
        raise DataError(f"the column {label!r} of {path} is what the model reads, no label")
    drawing_key = np.asarray(jax.random.key_data(record.stream("own samples")))
    wanted = (*record.columns, label)
    whole = _select(rows, wanted)
    drawn = _draw(whole, record.task.num_samples, np.random.default_rng(drawing_key))
    chosen = np.sort(drawn[shard.number - 1 :: shard.of])
    if not len(chosen):
        raise DataError(f"{path} has {whole.num_rows} rows: too few for {shard.of} attempts")
    asked = whole.take(pa.array(chosen))
    labels = [str(value) for value in asked.column(label).to_pylist()]
    for name in labels:
        if name not in record.class_names:
            raise DataError(
                f"{path}: the label {name!r} is none of the record's classes, "
                f"{listed(record.class_names)}: give the data set that was protected"
            )
    indices = np.array([record.class_names.index(name) for name in labels], np.int32)
    return Own(own_ids(record, chosen.tolist()), _features(path, asked, record), indices)


def _draw(table: pa.Table, number: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """The numbers of so many rows at random, or of all."""
    return rng.choice(table.num_rows, min(number, table.num_rows), replace=False)


def _select(rows: Rows, wanted: Sequence[str]) -> pa.Table:
    """All rows, by the columns wanted."""
    tables = []
    for table in rows.tables():
        columns = rows.columns(table)
        for name in wanted:
            if name not in columns.column_names:
                have = listed(columns.column_names)
                raise DataError(f"{rows.path} has no column {name!r}; it has {have}")
        tables.append(columns.select(list(wanted)))
    if not tables:
        raise DataError(f"{rows.path} has no rows")
    return pa.concat_tables(tables, promote_options="default")


def _features(path: Path, drawn: pa.Table, record: Record) -> dict[str, list[Any]]:
    found = {name: _values(drawn.column(name), record) for name in record.columns}
    if isinstance(record.rendering, VectorRendering):
        for column in record.rendering.columns:
            try:
                values = np.array(found[column.name], np.float64).astype(column.dtype)
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}: column {column.name} does not hold numbers") from error
            found[column.name] = list(values)
    return found


def _values(column: pa.ChunkedArray, record: Record) -> list[Any]:
    """As questions hold them: images encoded, also those of an array."""
    if not isinstance(column.type, pa.FixedShapeTensorType):
        return column.to_pylist()
    if not isinstance(record.rendering, ImageRendering):
        raise DataError(f"the samples are images, and the questions {record.rendering.kind}")
    return record.rendering.render(column.combine_chunks().to_numpy_ndarray())
