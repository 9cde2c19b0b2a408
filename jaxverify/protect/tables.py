"""Tables: Parquet, CSV and JSON Lines."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from jaxverify.errors import DataError
from jaxverify.files.row_groups import rechunk
from jaxverify.files.whole import new_file
from jaxverify.protect.rows import Write

_ROWS, _BYTES = 2**15, 2**23  # read at a time, at most
_LINE, _LINES = "line", 8192  # read at a time


class ParquetRows:
    """A Parquet file: schema, compression and size of row groups are kept.

    Attributes:
        path: of the file.
        schema: with its metadata.
        num_rows: how many rows it has.
    """

    features = ()

    def __init__(self, path: Path) -> None:
        """Read the end of the file, which tells what is in it."""
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                self.schema, self.num_rows = file.schema_arrow, file.metadata.num_rows
                groups = file.metadata.num_row_groups
                self._group = file.metadata.row_group(0).num_rows if groups else _ROWS
                columns = range(file.metadata.num_columns) if groups else ()
                sizes = (file.metadata.row_group(i).total_byte_size for i in range(groups))
                self._batch = max(1, min(_ROWS, _BYTES * self.num_rows // max(1, sum(sizes))))
                self._compression = {
                    file.metadata.row_group(0).column(i).path_in_schema: file.metadata.row_group(0)
                    .column(i)
                    .compression
                    for i in columns
                }
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise _damaged(path, error) from error

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read."""
        try:
            # Neither option reads ahead: a row group may be larger than the memory.
            with pq.ParquetFile(self.path, pre_buffer=False, buffer_size=2**16) as file:
                for batch in file.iter_batches(self._batch):
                    yield pa.Table.from_batches([batch])
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.path, error) from error

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named."""
        return table.flatten()

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns."""
        for i, field in enumerate(table.schema):
            if field.name in values:
                column = values[field.name].cast(field.type)
            elif pa.types.is_struct(field.type):
                parts = [f"{field.name}.{part.name}" for part in field.type]
                flat = dict(zip(parts, table.column(i).combine_chunks().flatten(), strict=True))
                arrays = [
                    values[part].cast(kind.type) if part in values else flat[part]
                    for part, kind in zip(parts, field.type, strict=True)
                ]
                column = pa.StructArray.from_arrays(arrays, fields=list(field.type))
            else:
                continue
            table = table.set_column(i, field, column)
        return table

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        # pandas notes the number of rows: before protection, here.
        metadata = {k: v for k, v in (self.schema.metadata or {}).items() if k != b"pandas"}
        schema = self.schema.with_metadata(metadata)
        rest: list[pa.Table] = []
        compression: Any = self._compression or "snappy"  # declared as a name alone
        with (
            new_file(out) as file,
            pq.ParquetWriter(file, schema, compression=compression) as writer,
        ):

            def write(table: pa.Table) -> None:
                rest.append(table.cast(schema))
                if sum(part.num_rows for part in rest) > self._group:
                    *groups, last = rechunk(rest, self._group)
                    for group in groups:
                        writer.write_table(group, row_group_size=self._group)
                    rest[:] = [last]

            yield write
            for table in rechunk(rest, self._group):
                writer.write_table(table, row_group_size=self._group)


class CsvRows:
    """A file of separated values with a head; every value is kept as it is spelled."""

    features = ()

    def __init__(self, path: Path, delimiter: str) -> None:
        """Name the file and what separates its values."""
        self.path = path
        self._delimiter = delimiter

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read."""
        parse = pc.ParseOptions(delimiter=self._delimiter, newlines_in_values=True)
        try:
            with pc.open_csv(self.path, parse_options=parse) as reader:
                names = reader.schema.names
            if len(set(names)) < len(names):
                raise DataError(f"{self.path} has a column twice: {', '.join(names)}")
            convert = pc.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            )
            with pc.open_csv(self.path, parse_options=parse, convert_options=convert) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise _damaged(self.path, error) from error

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named."""
        return table

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns."""
        for name, column in values.items():
            at = table.schema.get_field_index(name)
            table = table.set_column(at, name, column.cast(pa.string()))
        return table

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        schema = next(self.tables()).schema
        options = pc.WriteOptions(delimiter=self._delimiter, quoting_style="needed")
        with new_file(out) as file, pc.CSVWriter(file, schema, write_options=options) as writer:
            yield writer.write_table


class JsonLinesRows:
    """One JSON object a line; a line is written back as it is."""

    features = ()

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self.path = path

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read."""
        try:
            with self.path.open(encoding="utf-8", newline="\n") as file:
                stripped = (line.rstrip("\r\n") for line in file)
                lines = (line for line in stripped if line.strip())
                while some := list(islice(lines, _LINES)):
                    yield pa.table({_LINE: some})
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(self.path, error) from error

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named."""
        objects = [self._parse(line) for line in table.column(_LINE).to_pylist()]
        names = list(dict.fromkeys(name for value in objects for name in value))
        columns = {}
        for name in names:
            values = [value.get(name) for value in objects]
            try:
                columns[name] = pa.array(values)
            except OverflowError as error:
                raise DataError(
                    f"column {name} holds whole numbers of more than 64 bits: write them as text"
                ) from error
            except pa.ArrowException:  # of mixed types: only spelled
                columns[name] = pa.array([json.dumps(value) for value in values])
        return pa.table(columns)

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns."""
        lists = {name: column.to_pylist() for name, column in values.items()}
        lines = []
        for i, line in enumerate(table.column(_LINE).to_pylist()):
            value = self._parse(line) | {name: column[i] for name, column in lists.items()}
            # As its neighbour writes other alphabets, and blanks.
            separators = (", ", ": ") if '": ' in line else (",", ":")
            ascii_alone = line.isascii()
            lines.append(json.dumps(value, ensure_ascii=ascii_alone, separators=separators))
        return pa.table({_LINE: lines})

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        with new_file(out) as file:
            yield lambda table: file.writelines(
                f"{line}\n".encode() for line in table.column(_LINE).to_pylist()
            )

    def _parse(self, line: str) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path}: {line[:40]!r} is not JSON: mend the line") from error
        if not isinstance(value, dict):
            raise DataError(f"{self.path}: {line[:40]!r} is not an object: mend the line")
        return value


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is damaged ({' '.join(str(error).split())}): write it again")
