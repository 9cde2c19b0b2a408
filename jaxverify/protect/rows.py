"""A data set as rows in its own format: what every format can do, and which one a path is of."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from jaxverify.errors import DataError

Write = Callable[[pa.Table], None]


@runtime_checkable
class Rows(Protocol):
    """Rows, which are kept as they are but for what has to be looked at.

    Attributes:
        path: where they lie.
    """

    path: Path

    def tables(self) -> Iterator[pa.Table]:
        """All rows in order, some at a time, in the form in which they are written back."""
        ...

    def columns(self, table: pa.Table) -> pa.Table:
        """The same rows with a column for each thing that can be named."""
        ...

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """The rows with other values in the columns named."""
        ...

    def writer(self, out: Path) -> AbstractContextManager[Write]:
        """Write rows to ``out``, which is whole or not there, and never replaces anything."""
        ...


def open_rows(path: Path) -> Rows:
    """The data set at ``path``: Parquet, CSV, TSV, JSON Lines, or a folder of class folders.

    Raises:
        DataError: if it is missing or of no known format.
    """
    from jaxverify.protect.image_tree import ImageTree
    from jaxverify.protect.tables import CsvRows, JsonLinesRows, ParquetRows

    if path.is_dir():
        return ImageTree(path)
    if not path.is_file():
        raise DataError(f"{path} is missing: give a file, or a folder of class folders")
    formats: dict[str, Callable[[Path], Rows]] = {
        ".parquet": ParquetRows,
        ".csv": lambda path: CsvRows(path, ","),
        ".tsv": lambda path: CsvRows(path, "\t"),
        ".jsonl": JsonLinesRows,
        ".ndjson": JsonLinesRows,
    }
    if path.suffix.lower() not in formats:
        raise DataError(
            f"{path} is of no known format: its name must end in {', '.join(formats)}, "
            "or it is a folder of class folders"
        )
    return formats[path.suffix.lower()](path)
