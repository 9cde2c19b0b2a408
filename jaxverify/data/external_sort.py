"""Sorting more rows than fit into memory, by way of files."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from jaxtyping import Int, UInt32

from jaxverify.data.parquet_writing import rechunk

Rank = Callable[[Int[np.ndarray, " n"]], UInt32[np.ndarray, " n"]]

_BITS = 6  # of the rank tell the bucket; 64 open files are allowed everywhere
_ROW, _RANK = "row number", "row rank"  # columns that the buckets have besides


def sort_rows(
    tables: Iterable[pa.Table], rank: Rank, *, rows_in_memory: int, folder: Path
) -> Iterator[tuple[Int[np.ndarray, " n"], pa.Table]]:
    """Sort the rows of all ``tables`` by the rank of their numbers, 0 and up as they come.

    Each row goes to one of 64 buckets, in files, by the highest bits of its rank; then bucket
    after bucket is read and sorted in memory, one that is too large by way of buckets itself.

    Args:
        tables: of one schema, of any size; they are read to the end before the first result.
        rank: from the numbers of rows to what they are sorted by, best uniform over 32 bits; rows
            of one rank keep their order.
        rows_in_memory: how many a bucket may hold; twice as many are in memory when it is sorted.
        folder: where the buckets lie. Their files have no name, so that not even a process that
            is killed leaves them.

    Returns:
        Iterator: of the rows' numbers and the rows.

    Guarantee: neither the size of the tables nor ``rows_in_memory`` changes the order.
    """
    # Two chunks are held while a third is gathered, but of a bucket no more than two copies.
    chunks = _number(rechunk(tables, max(1, rows_in_memory // 4)), rank)
    for table in _sort(chunks, 32 - _BITS, rows_in_memory, folder):
        yield table.column(_ROW).to_numpy(), table.drop_columns([_ROW, _RANK])


def _number(tables: Iterable[pa.Table], rank: Rank) -> Iterator[pa.Table]:
    start = 0
    for table in tables:
        rows = np.arange(start, start + table.num_rows)
        yield table.append_column(_ROW, pa.array(rows)).append_column(_RANK, pa.array(rank(rows)))
        start += table.num_rows


def _sort(
    tables: Iterable[pa.Table], shift: int, rows_in_memory: int, folder: Path
) -> Iterator[pa.Table]:
    with ExitStack() as stack:
        buckets = [_Bucket(stack, folder) for _ in range(2**_BITS)]
        for table in tables:
            number = (_ranks(table) >> shift & (2**_BITS - 1)).astype(np.uint8)
            table = table.take(np.argsort(number, kind="stable"))
            edges = np.bincount(number, minlength=2**_BITS).cumsum()
            for bucket, part in zip(buckets, _cut(table, edges), strict=True):
                bucket.append(part)
        for bucket in buckets:
            if bucket.num_rows > rows_in_memory and shift >= _BITS:
                parts = bucket.read(rows_in_memory)
                yield from _sort(parts, shift - _BITS, rows_in_memory, folder)
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
        self.num_rows = 0
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

    def read(self, rows: int) -> Iterator[pa.Table]:
        """All that was written, in tables of ``rows``; the file is gone afterwards."""
        if self._file is None or self._writer is None:
            return
        self._writer.close()
        with self._file:
            self._file.seek(0)
            with pa.ipc.open_stream(self._file) as stream:
                yield from rechunk((pa.Table.from_batches([batch]) for batch in stream), rows)
