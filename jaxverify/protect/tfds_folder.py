"""A data set that TensorFlow Datasets has prepared."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from jaxverify.data.tfds_folder import INFO, TfdsFolder, record_writer
from jaxverify.errors import DataError
from jaxverify.files.whole import new_folder
from jaxverify.protect.parts import copy_files, in_parts, shares
from jaxverify.protect.rows import Write

_ROWS = 256  # samples read at a time
_RECORD = "record"
_TYPES = {"image": pa.binary(), "text": pa.string(), "int": pa.int64(), "float": pa.float32()}


class TfdsRows:
    """The split "train" of a TFDS set stored as ArrayRecord; all else is copied.

    The folder written has the same name, config and version in it, and files of the same names;
    ``dataset_info.json`` has the new numbers of samples.
    """

    features = ()

    def __init__(self, path: Path) -> None:
        """Look at what is prepared.

        Raises:
            DataError: if it cannot be read and written without TensorFlow.
        """
        self.path = path
        self._set = TfdsFolder(path)
        self._others = []
        for file in sorted(path.iterdir()):
            if not file.is_file():
                raise DataError(f"{path} holds {file.name}, which is no file: move it away")
            if file.name not in (INFO, *self._set.shards):
                self._others.append(file)

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read: a sample each, serialized."""
        for records in self._set.records(_ROWS):
            yield pa.table({_RECORD: pa.array(records, pa.binary())})

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each feature."""
        samples = [self._set.values(record) for record in table.column(_RECORD).to_pylist()]
        return pa.table(
            {
                name: pa.array([sample[name] for sample in samples], _TYPES[kind])
                for name, kind in self._set.kinds.items()
            }
        )

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values of some features."""
        lists = {name: column.to_pylist() for name, column in values.items()}
        records = [
            self._set.replaced(record, {name: column[i] for name, column in lists.items()})
            for i, record in enumerate(table.column(_RECORD).to_pylist())
        ]
        return pa.table({_RECORD: pa.array(records, pa.binary())})

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        sizes = shares(list(self._set.shards.values()), num_rows)
        num_bytes = 0
        with new_folder(out) as folder:
            copy_files(self._others, folder)
            parts = [_part(folder / name) for name in self._set.shards]
            with in_parts(list(zip(parts, sizes, strict=True))) as write_part:

                def write(table: pa.Table) -> None:
                    nonlocal num_bytes
                    num_bytes += sum(map(len, table.column(_RECORD).to_pylist()))
                    write_part(table)

                yield write
            (folder / INFO).write_bytes(self._set.info(num_bytes, sizes))


@contextmanager
def _part(path: Path) -> Iterator[Write]:
    with record_writer(path) as write:
        yield lambda table: write(table.column(_RECORD).to_pylist())
