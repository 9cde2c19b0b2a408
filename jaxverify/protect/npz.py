"""NumPy's .npz files: an array of features, one of labels, and others beside them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxverify.data.images import decode
from jaxverify.errors import DataError, UserError
from jaxverify.files.npz import Member, iter_rows, members, npz_writer
from jaxverify.files.whole import new_file
from jaxverify.protect.rows import Write

_ROWS, _BYTES = 8192, 2**20  # read at a time


class NpzRows:
    """Arrays of as many rows: one of features ``[n, d]`` or images, and others ``[n]``.

    Images are uint8 ``[n, h, w]``, or ``[n, h, w, c]`` with c 1 or 3. Names, order, types and
    compression are kept. It is read and written in pieces; on disk the rows take up room once more
    while the file is written.

    Attributes:
        path: of the file.
        features: a column called ``x[3]`` for each number, or one for the image.
    """

    def __init__(self, path: Path) -> None:
        """Read the heads of the arrays.

        Raises:
            DataError: if the arrays are not those that are wanted, naming them and their shapes.
        """
        self.path = path
        self._members = members(path)
        wide = [member for member in self._members if len(member.shape) > 1]
        if len(wide) != 1:
            shapes = ", ".join(f"{m.name} {list(m.shape)}" for m in self._members)
            raise DataError(
                f"{path} holds the arrays {shapes}: one, the features, must have more than one "
                "axis, and all others, such as the labels, just one"
            )
        (self._wide,) = wide
        for member in self._members:
            if member.shape[0] != self._wide.shape[0]:
                raise DataError(
                    f"{path}: array {member.name} has {member.shape[0]} rows, "
                    f"{self._wide.name} {self._wide.shape[0]}: give each row a value, or leave "
                    "the array out"
                )
            if member is not self._wide:
                _check_type(path, member)
        self._image = _image_shape(path, self._wide)
        name = self._wide.name
        self.features = (
            (name,) if self._image else tuple(f"{name}[{i}]" for i in range(self._wide.shape[1]))
        )

    def tables(self) -> Iterator[pa.Table]:
        """Rows as they are read: the features as bytes, each other array as a column."""
        size = max(1, min(_ROWS, _BYTES // self._wide.row_bytes))
        arrays = (iter_rows(self.path, member, size) for member in self._members)
        for pieces in zip(*arrays, strict=True):
            yield pa.table(
                {
                    member.name: _packed(piece) if member is self._wide else _to_arrow(piece)
                    for member, piece in zip(self._members, pieces, strict=True)
                }
            )

    def columns(self, table: pa.Table) -> pa.Table:
        """A column for each thing that can be named; images as tensors of uint8."""
        columns = {}
        for member in self._members:
            if member is not self._wide:
                columns[member.name] = table.column(member.name)
                continue
            values = self._unpacked(table)
            if self._image:
                kind = pa.fixed_shape_tensor(pa.uint8(), self._image)
                lists = pa.FixedSizeListArray.from_arrays(
                    pa.array(values.ravel()), member.row_bytes
                )
                columns[member.name] = pa.ExtensionArray.from_storage(kind, lists)
            else:
                native = values.astype(values.dtype.newbyteorder("="), copy=False)
                columns |= {n: pa.array(native[:, i]) for i, n in enumerate(self.features)}
        return pa.table(columns)

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """Rows with other values in some columns; images come encoded."""
        features = self._unpacked(table) if set(values) & set(self.features) else None
        for name, column in values.items():
            if features is None or name not in self.features:
                at = table.schema.get_field_index(name)
                table = table.set_column(at, name, column.cast(table.schema.field(at).type))
            elif self._image:
                features = decode(column.to_pylist(), self.path)
            else:
                features[:, self.features.index(name)] = column.to_numpy(zero_copy_only=False)
        if features is not None:
            at = table.schema.get_field_index(self._wide.name)
            table = table.set_column(at, self._wide.name, _packed(features))
        return table

    @contextmanager
    def writer(self, out: Path, num_rows: int) -> Iterator[Write]:
        """Write so many rows in the same format."""
        with new_file(out) as file, npz_writer(file, self._members, out.parent) as write:
            yield lambda table: write(
                [
                    self._unpacked(table)
                    if member is self._wide
                    else _to_numpy(self.path, table.column(member.name), member)
                    for member in self._members
                ]
            )

    def _unpacked(self, table: pa.Table) -> np.ndarray:
        """The features as an array of their own."""
        column = table.column(self._wide.name).combine_chunks()
        _, content = column.buffers()
        start = column.offset * self._wide.row_bytes
        size = table.num_rows * self._wide.row_bytes
        values = np.frombuffer(content, np.uint8, size, start).view(self._wide.dtype)
        return values.reshape(table.num_rows, *self._wide.shape[1:]).copy()


def _check_type(path: Path, member: Member) -> None:
    if member.dtype.kind in "biufUM":
        try:
            _to_arrow(np.zeros(1, member.dtype))
            return
        except pa.ArrowException:  # such as longdouble, or times in hours
            pass
    raise DataError(
        f"{path}: array {member.name} is of type {member.dtype}: save it as int64, float64, "
        "datetime64[s] or text"
    )


def _image_shape(path: Path, member: Member) -> tuple[int, int, int] | None:
    """Height, width and channels; None of numbers."""
    kind = member.dtype.kind
    if 0 not in member.shape:
        if len(member.shape) == 2 and kind in "iuf" and member.dtype.itemsize <= 8:
            return None
        if len(member.shape) == 3 and member.dtype == np.uint8:
            return (*member.shape[1:], 1)
        if len(member.shape) == 4 and member.shape[3] in (1, 3) and member.dtype == np.uint8:
            return member.shape[1:]
    raise DataError(
        f"{path}: array {member.name} is {member.dtype} of shape {list(member.shape)}: numbers "
        "must be [n, d], images uint8 [n, h, w] or [n, h, w, c] with c 1 or 3"
    )


def _packed(rows: np.ndarray) -> pa.Array:
    """Each row as its bytes: any type and any shape, and quick to move."""
    content = pa.py_buffer(np.ascontiguousarray(rows))
    kind = pa.binary(rows[0].nbytes)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, content])


def _to_arrow(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(values.dtype.newbyteorder("="), copy=False))


def _to_numpy(path: Path, column: pa.ChunkedArray, member: Member) -> np.ndarray:
    if member.dtype.kind == "U":
        width = member.dtype.itemsize // np.dtype("U1").itemsize
        longest = pc.call_function("max", [pc.call_function("utf8_length", [column])]).as_py()
        if longest > width:
            raise UserError(
                f"{path}: array {member.name} is text of width {width}, which numbers of more rows "
                "do not fit into: save it as int64"
            )
        return np.array(column.to_pylist(), member.dtype)
    return column.to_numpy().astype(member.dtype, copy=False)
