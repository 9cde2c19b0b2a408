"""Sorting more rows than fit into memory, by way of files."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt32

from jaxverify.files.row_groups import rechunk

Rank = Callable[[Int[np.ndarray, " n"]], UInt32[np.ndarray, " n"]]

_BITS = 6  # of the rank tell the bucket; 64 open files are allowed everywhere
_ROW, _RANK = "row number", "row rank"  # columns that the buckets have besides


class RowSort:
    """Rows that come in any order and leave by the rank of their numbers; a context manager.

    Each row goes to one of 64 buckets, in files, by the highest bits of its rank; then bucket
    after bucket is read and sorted in memory, one that is too large by way of buckets itself.

    Guarantee: neither the size of the tables nor ``bytes_in_memory`` changes the order.
    """

    def __init__(self, rank: Rank, *, bytes_in_memory: int, folder: Path) -> None:
        """Begin with no rows.

        Args:
            rank: from the numbers of rows to what they are sorted by, best uniform over 32 bits;
                rows of one rank keep their order.
            bytes_in_memory: how many a bucket may hold; twice as many are in memory when it is
                sorted.
            folder: where the buckets lie. Their files have no name, so that not even a process
                that is killed leaves them.
        """
        self.num_rows = 0
        self._rank, self._bytes_in_memory = rank, bytes_in_memory
        self._stack = ExitStack()
        self._buckets = _Buckets(self._stack, folder, 32 - _BITS)
        self._pending: list[pa.Table] = []  # a bucket's part of a small table would be tiny

    def add(self, table: pa.Table) -> None:
        """Take rows, 0 and up as they come; all tables are of one schema."""
        rows = np.arange(self.num_rows, self.num_rows + table.num_rows)
        self.num_rows += table.num_rows
        numbered = table.append_column(_ROW, pa.array(rows))
        self._pending.append(numbered)
        # What waits is in memory twice as it leaves, but a bucket no more than two times.
        if sum(each.nbytes for each in self._pending) > self._bytes_in_memory // 4:
            self._flush()

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables themselves, each taken as it passes."""
        for table in tables:
            self.add(table)
            yield table

    def sorted(self) -> Iterator[tuple[Int[np.ndarray, " n"], pa.Table]]:
        """The rows' numbers, and the rows; once, at the end."""
        self._flush()
        for table in self._buckets.sorted(self._bytes_in_memory):
            yield table.column(_ROW).to_numpy(), table.drop_columns([_ROW, _RANK])

    def _flush(self) -> None:
        if self._pending:
            table = pa.concat_tables(self._pending).combine_chunks()
            self._pending = []
            rank = pa.array(self._rank(table.column(_ROW).to_numpy()))
            self._buckets.put(table.append_column(_RANK, rank))

    def __enter__(self) -> "RowSort":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()


class _Buckets:
    """Rows by so many bits of their rank."""

    def __init__(self, stack: ExitStack, folder: Path, shift: int) -> None:
        self._stack, self._folder, self._shift = stack, folder, shift
        self._all = [_Bucket(stack, folder) for _ in range(2**_BITS)]

    def put(self, table: pa.Table) -> None:
        number = (_ranks(table) >> self._shift & (2**_BITS - 1)).astype(np.uint8)
        table = table.take(np.argsort(number, kind="stable"))
        edges = np.bincount(number, minlength=2**_BITS).cumsum()
        for bucket, part in zip(self._all, _cut(table, edges), strict=True):
            bucket.append(part)

    def sorted(self, bytes_in_memory: int) -> Iterator[pa.Table]:
        for bucket in self._all:
            if bucket.num_bytes > bytes_in_memory and self._shift >= _BITS:
                with ExitStack() as stack:
                    finer = _Buckets(stack, self._folder, self._shift - _BITS)
                    share = bytes_in_memory / bucket.num_bytes
                    for part in bucket.read(max(1, int(share * bucket.num_rows) // 4)):
                        finer.put(part)
                    yield from finer.sorted(bytes_in_memory)
            elif bucket.num_rows:
                (table,) = bucket.read(bucket.num_rows)
                yield table.take(np.argsort(_ranks(table), kind="stable"))


def _ranks(table: pa.Table) -> UInt32[np.ndarray, " n"]:
    return table.column(_RANK).to_numpy()


def _cut(table: pa.Table, edges: Int[np.ndarray, " n"]) -> Iterator[pa.Table]:
    for start, stop in zip([0, *edges[:-1]], edges, strict=True):
        yield table.slice(start, stop - start)


class _Bucket:
    """Tables in a file, to be written and then to be read; the file is made for the first."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.num_rows = self.num_bytes = 0
        self._stack, self._folder = stack, folder
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def append(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        if self._file is None or self._writer is None:
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (the stack closes it)
            self._file = self._stack.enter_context(file)
            self._writer = pa.ipc.new_stream(self._file, table.schema)
        self._writer.write_table(table)
        self.num_rows += table.num_rows
        self.num_bytes += table.nbytes

    def read(self, rows: int) -> Iterator[pa.Table]:
        """All that was written, in tables of ``rows``; the file is gone afterwards."""
        if self._file is None or self._writer is None:
            return
        self._writer.close()
        with self._file:
            self._file.seek(0)
            with pa.ipc.open_stream(self._file) as stream:
                yield from rechunk((pa.Table.from_batches([batch]) for batch in stream), rows)
