"""A folder of Parquet files that are one data set in parts."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from jaxverify.errors import DataError
from jaxverify.files.whole import new_folder
from jaxverify.protect.parts import copy_files, in_parts, shares
from jaxverify.protect.rows import Write
from jaxverify.protect.tables import ParquetRows

_SPLIT = re.compile("train|test|val|dev", re.IGNORECASE)


class ParquetFolder:
    """``train-00000-of-00002.parquet`` and so on: what is trained on is protected.

    That is every file called ``train...``, or, where none is called after a part of a data set,
    all; other files are copied. The rows are mixed over all files, each of which has the share of
    them that it had.
    """

    features = ()

    def __init__(self, path: Path) -> None:
        """Look at the files.

        Raises:
            DataError: if there is a folder, nothing to train on, or two files do not go together.
        """
        self.path = path
        files = sorted(file for file in path.iterdir() if file.name[0] != ".")
        for file in files:
            if not file.is_file():
                raise DataError(f"{path} holds {file.name}, which is no file: move it away")
        tables = [file for file in files if file.suffix == ".parquet"]
        if any(_SPLIT.match(file.name) for file in tables):
            tables = [file for file in tables if file.name.lower().startswith("train")]
        if not tables:
            raise DataError(f"{path} holds no train*.parquet: call so what is trained on")
        self._shards = [ParquetRows(file) for file in tables]
        self._others = [file for file in files if file not in tables]
        first = self._shards[0]
        for shard in self._shards[1:]:
            if not shard.schema.equals(first.schema):
                raise DataError(
                    f"{shard.path} has the columns {_described(shard)}, {first.path} "
                    f"{_described(first)}: make them alike"
                )

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read."""
        metadata = self._shards[0].schema.metadata
        for shard in self._shards:
            for table in shard.tables():
                yield table.replace_schema_metadata(metadata)

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named."""
        return self._shards[0].columns(table)

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns."""
        return self._shards[0].compose(table, values)

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        sizes = shares([shard.num_rows for shard in self._shards], num_rows)
        with new_folder(out) as folder:
            copy_files(self._others, folder)
            parts = [
                (shard.writer(folder / shard.path.name, size), size)
                for shard, size in zip(self._shards, sizes, strict=True)
            ]
            with in_parts(parts) as write:
                yield write


def _described(shard: ParquetRows) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in shard.schema)
