"""Rows of a Parquet file in groups of one size."""

from collections.abc import Iterable, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

# Features seldom repeat, and a dictionary of them would cost more than it saves. (pyarrow declares
# the option as a bool.)
DICTIONARIES: Any = ["label"]


def rechunk(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly ``rows``, and the rest; each is contiguous in memory."""
    pending, missing = [], rows
    for table in tables:
        while table.num_rows:
            pending.append(table.slice(0, missing))
            table = table.slice(missing)
            missing -= pending[-1].num_rows
            if not missing:
                whole = pa.concat_tables(pending).combine_chunks()
                pending, missing = [], rows  # before the yield: it may hold up for long
                yield whole
                del whole
    if pending:
        yield pa.concat_tables(pending).combine_chunks()


class RowGroups:
    """A Parquet file under way, in row groups of one size; a context manager.

    Guarantee: the bytes depend on the rows and their order alone, not on how tables cut them.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        """Write to ``file``, which stays open, with ``size`` rows in each group but the last."""
        self._file, self._size = file, size
        self._rest: pa.Table | None = None  # fewer rows than make a group
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append rows; all tables are of one schema."""
        # Metadata of the schema are left out: pandas, for one, notes the number of rows there.
        table = table.replace_schema_metadata(None)
        *groups, self._rest = rechunk([t for t in (self._rest, table) if t], self._size)
        for group in groups:
            self._write_group(group)

    def _write_group(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, use_dictionary=DICTIONARIES)
        self._writer.write_table(table, row_group_size=self._size)

    def __enter__(self) -> "RowGroups":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Write what is left, and the end of the file."""
        if kind is None and self._rest is not None:
            self._write_group(self._rest)
        if self._writer is not None:
            self._writer.close()
