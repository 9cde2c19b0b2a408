"""A folder of Parquet files that are one data set in parts."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from jaxverify.data.new_files import new_folder
from jaxverify.errors import DataError, UserError
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
        ends = np.cumsum([shard.num_rows for shard in self._shards])
        sizes = np.diff(ends * num_rows // max(1, ends[-1]), prepend=0).tolist()
        sized = list(zip(self._shards, sizes, strict=True))
        with new_folder(out) as folder, ExitStack() as current:  # the one part that is open
            for file in self._others:
                _copy(file, folder)
            for shard, size in sized:
                if not size:
                    with shard.writer(folder / shard.path.name, size):
                        pass
            parts, missing = iter([(shard, size) for shard, size in sized if size]), 0
            write_part: Write

            def write(table: pa.Table) -> None:
                nonlocal missing, write_part
                while table.num_rows:
                    if not missing:
                        current.close()
                        shard, missing = next(parts)
                        write_part = current.enter_context(
                            shard.writer(folder / shard.path.name, missing)
                        )
                    write_part(table.slice(0, missing))
                    taken = min(missing, table.num_rows)
                    missing, table = missing - taken, table.slice(taken)

            yield write


def _copy(file: Path, folder: Path) -> None:
    try:
        shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise UserError(f"{file} cannot be copied: {error.strerror}") from error


def _described(shard: ParquetRows) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in shard.schema)
