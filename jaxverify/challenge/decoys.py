"""Real samples among the questions, so that who sees them cannot tell which are extra."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jaxverify.errors import DataError
from jaxverify.protect.opening import open_rows
from jaxverify.protect.survey import listed
from jaxverify.record import Record
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
    rows = open_rows(path)
    tables = []
    for table in rows.tables():
        columns = rows.columns(table)
        for name in record.columns:
            if name not in columns.column_names:
                have = listed(columns.column_names)
                raise DataError(f"{path} has no column {name!r}; it has {have}")
        tables.append(columns.select(record.columns))
    if not tables:
        raise DataError(f"{path} has no rows")
    whole = pa.concat_tables(tables, promote_options="default")
    chosen = rng.choice(whole.num_rows, min(number, whole.num_rows), replace=False)
    drawn = whole.take(pa.array(np.sort(chosen)))
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
        raise DataError(f"the decoys are images, and the questions {record.rendering.kind}")
    return record.rendering.render(column.combine_chunks().to_numpy_ndarray())
