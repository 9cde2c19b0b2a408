"""A folder with one folder of image files for each class."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from jaxverify.errors import DataError
from jaxverify.files.whole import new_folder
from jaxverify.protect.rows import Write

_ROWS = 256  # images read at a time
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


class ImageTree:
    """``CLASS/NAME.png``: files are copied byte for byte, under new names.

    All are named by numbers, in the order in which they are written, and have one time: neither
    their old names nor the order of their numbers could be imitated.
    """

    features = ()

    def __init__(self, path: Path) -> None:
        """List the files.

        Raises:
            DataError: if there are not two classes, or what is there is no image file.
        """
        self.path = path
        classes = sorted(p.name for p in path.iterdir() if p.is_dir() and p.name[0] != ".")
        stray = [p.name for p in path.iterdir() if p.is_file() and p.name[0] != "."]
        if stray:
            raise DataError(f"{path} holds the file {stray[0]}: it may hold class folders alone")
        if len(classes) < 2:
            raise DataError(f"{path} holds {len(classes)} class folders: two at least are needed")
        self._files = [(name, file) for name in classes for file in sorted((path / name).iterdir())]
        for _, file in self._files:
            if file.suffix.lower() not in _SUFFIXES or not file.is_file():
                raise DataError(f"{file} is no image file ({', '.join(_SUFFIXES)}): move it away")

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read."""
        for start in range(0, len(self._files), _ROWS):
            some = self._files[start : start + _ROWS]
            try:
                contents = [file.read_bytes() for _, file in some]
            except OSError as error:
                raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error
            yield pa.table(
                {
                    "label": [name for name, _ in some],
                    "suffix": [file.suffix for _, file in some],
                    "image": pa.array(contents, pa.binary()),
                }
            )

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named; the ending of a file's name goes with it."""
        return table.drop_columns(["suffix"])

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns."""
        for name, column in values.items():
            table = table.set_column(table.schema.get_field_index(name), name, column)
        return table

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        digits, number = len(str(num_rows)), 0
        with new_folder(out) as folder:

            def write(table: pa.Table) -> None:
                nonlocal number
                for row in table.to_pylist():
                    (folder / row["label"]).mkdir(exist_ok=True)
                    name = f"{number:0{digits}}{row['suffix']}"
                    (folder / row["label"] / name).write_bytes(row["image"])
                    number += 1

            yield write
