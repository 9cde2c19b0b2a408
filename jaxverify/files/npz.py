"""Arrays of .npz files, some rows at a time, and never by way of pickle."""

import math
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Shaped
from numpy.lib import format as npy

from jaxverify.errors import DataError

_ENDING = ".npy"
_DAMAGE = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

Rows = Shaped[np.ndarray, "rows ..."]


@dataclass(frozen=True)
class Member:
    """An array in the file.

    Attributes:
        name: as :func:`numpy.load` calls it.
        dtype: of its values; no objects.
        shape: at least one axis, the rows.
        compression: of :mod:`zipfile`.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    compression: int

    @property
    def row_bytes(self) -> int:
        """Of one row."""
        return self.dtype.itemsize * math.prod(self.shape[1:])


def members(path: Path) -> tuple[Member, ...]:
    """The arrays of a file in their order, of which nothing but the heads is read.

    Raises:
        DataError: if it is damaged, or an array holds objects, has no axis or is stored column by
            column, which could not be read row by row.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [_member(path, archive, info) for info in archive.infolist()]
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return tuple(found)


def iter_rows(path: Path, member: Member, size: int) -> Iterator[Rows]:
    """The rows of an array in order, ``size`` at a time and the rest.

    Raises:
        DataError: if the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member.name + _ENDING) as file:
            _head(file)
            for start in range(0, member.shape[0], size):
                rows = min(size, member.shape[0] - start)
                content = file.read(rows * member.row_bytes)
                yield np.frombuffer(content, member.dtype).reshape(rows, *member.shape[1:])
            if file.read(1):  # the end: zipfile compares the checksum here
                raise ValueError(f"array {member.name} is longer than its head says")
    except _DAMAGE as error:
        raise _damaged(path, error) from error


@contextmanager
def npz_writer(
    file: IO[bytes], like: Sequence[Member], folder: Path
) -> Iterator[Callable[[Sequence[Rows]], None]]:
    """Write arrays a few rows at a time: a call takes some rows of each.

    A zip holds one member after the other, so the rows wait in files of their own until all are
    there. Their files have no name, so that not even a process that is killed leaves them.

    Args:
        file: what is written, from its start.
        like: name, type, compression and shape, but for the number of rows, of each array.
        folder: where the rows wait.

    Guarantee: the bytes are those that ``numpy.savez`` or ``savez_compressed`` writes.
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in like]

        def write(arrays: Sequence[Rows]) -> None:
            for part, member, rows in zip(parts, like, arrays, strict=True):
                part.write(np.ascontiguousarray(rows, member.dtype).tobytes())

        yield write
        with zipfile.ZipFile(file, "w") as archive:
            for part, member in zip(parts, like, strict=True):
                num_rows = part.tell() // member.row_bytes
                part.seek(0)
                info = zipfile.ZipInfo(member.name + _ENDING)  # dated 1980, as NumPy does
                info.compress_type = member.compression
                with archive.open(info, "w", force_zip64=True) as out:
                    shape = (num_rows, *member.shape[1:])
                    head = {"descr": npy.dtype_to_descr(member.dtype), "shape": shape}
                    npy.write_array_header_1_0(out, head | {"fortran_order": False})
                    shutil.copyfileobj(part, out)


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.filename.removesuffix(_ENDING)
    if name == info.filename:
        raise DataError(f"{path} holds {name}, which is no array: write it with numpy.savez")
    with archive.open(info) as file:
        shape, is_fortran, dtype = _head(file)
    if dtype.hasobject:
        raise DataError(
            f"{path}: array {name} holds Python objects, which are not read, as they could run "
            "anything: save it as numbers or as text of one width"
        )
    if is_fortran and len(shape) > 1:
        raise DataError(
            f"{path}: array {name} is stored column by column: save numpy.ascontiguousarray of it"
        )
    if not shape:
        raise DataError(f"{path}: array {name} is a single value: leave it out")
    return Member(name, dtype, shape, info.compress_type)


def _head(file: IO[bytes] | zipfile.ZipExtFile) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return _HEADERS[npy.read_magic(file)](file)


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(f"{path} is damaged ({' '.join(str(error).split())}): write it again")
