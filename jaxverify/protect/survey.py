"""A first look at a data set: its classes, its size, and some rows drawn at random."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxverify.errors import DataError
from jaxverify.protect.rows import Rows

_LABELS = ("label", "labels", "target", "class", "y")
_MANY = 20  # names of columns, which nobody reads in a message
_MOST_BYTES = 2**26  # of the rows drawn: fewer are kept where they are images


@dataclass(frozen=True)
class Survey:
    """What was seen.

    Attributes:
        num_rows: |D|.
        label: the column of the labels.
        labels: their different values, in the order of the class indices.
        raw: some rows, drawn at random, in their format's own form.
        sample: the same rows, a column for each thing that can be named.
        examples: by label, a row that has it, its images left out: not every label need be in the
            sample.
        numbering: columns that number all rows, from the value given.
    """

    num_rows: int
    label: str
    labels: pa.Array
    raw: pa.Table
    sample: pa.Table
    examples: dict[Any, dict[str, Any]]
    numbering: dict[str, int]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The labels as they are spelled."""
        return tuple(str(value) for value in self.labels.to_pylist())


def survey(
    rows: Rows,
    tables: Iterable[pa.Table],
    label: str | None,
    rng: np.random.Generator,
    size: int = 20_000,
) -> Survey:
    """Look at all rows as they pass.

    Args:
        rows: the data set.
        tables: all of it, as it is read.
        label: the column of the labels; without it one of the usual names.
        rng: draws the rows.
        size: how many are drawn, at most; fewer where they would take more than 64 MiB.

    Raises:
        DataError: if there is no label column, no row, a label that is missing or blank, or one
            class only.
    """
    drawn = _Drawn(size, rng)
    found, spans, num_rows = None, _Spans(), 0
    examples: dict[Any, dict[str, Any]] = {}
    for table in tables:
        columns = rows.columns(table)
        if label is None:
            label = label_column(rows, columns)
        if label not in columns.column_names:
            names = listed(columns.column_names)
            raise DataError(f"{rows.path} has no column {label!r}; it has {names}")
        values = columns.column(label)
        if values.null_count:
            row = num_rows + pc.index(values.is_null(), True).as_py()
            raise DataError(f"{rows.path}, row {row}: the label is missing: fill it in")
        seen = values.unique()
        for text in seen.to_pylist():
            if isinstance(text, str) and not text.strip():
                row = num_rows + pc.index(values, text).as_py()
                raise DataError(f"{rows.path}, row {row}: the label is an empty text: name it")
        found = seen if found is None else pa.chunked_array([found, seen]).unique()
        if len(found) > len(examples):
            _add_examples(examples, columns, values)
        spans.add(columns)
        drawn.add(table)
        num_rows += table.num_rows
    if found is None or label is None or num_rows == 0:
        raise DataError(f"{rows.path} has no rows")
    labels = found.sort()
    if len(labels) < 2:
        raise DataError(f"{rows.path}: all labels are {labels[0]}; there must be two classes")
    if 2 * len(labels) > num_rows:
        raise DataError(
            f"{rows.path}: column {label} has {len(labels)} different values in {num_rows} rows, "
            "which are no classes: name the labels with --label"
        )
    raw = drawn.table()
    sample = rows.columns(raw)
    return Survey(
        num_rows,
        label,
        _numeric_order(labels),
        raw,
        sample,
        examples,
        {
            name: low
            for name, (low, high) in spans.found.items()
            if name != label
            and high - low + 1 == num_rows
            and len(sample.column(name).unique()) == sample.num_rows
        },
    )


def listed(names: Sequence[str]) -> str:
    """Names of columns for a message: of many the first ones and the last.

    >>> listed([f"x[{i}]" for i in range(784)])
    'x[0], x[1], x[2], ..., x[783]'
    """
    some = [*names[:3], "...", names[-1]] if len(names) > _MANY else names
    return ", ".join(some)


def is_image(kind: pa.DataType) -> bool:
    """Whether a column of this type holds images: encoded, or as arrays."""
    return pa.types.is_binary(kind) or isinstance(kind, pa.FixedShapeTensorType)


def _add_examples(
    examples: dict[Any, dict[str, Any]], columns: pa.Table, labels: pa.ChunkedArray
) -> None:
    plain = [f.name for f in columns.schema if not is_image(f.type)]
    for label in labels.unique().to_pylist():
        if label not in examples:
            (row,) = columns.select(plain).slice(pc.index(labels, label).as_py(), 1).to_pylist()
            examples[label] = row


class _Drawn:
    """Rows drawn at random, without knowing how many there will be."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self._size, self._rng = size, rng
        self._tables: list[pa.Table] = []
        self._lots = np.zeros(0)
        self._limit = 1.0  # no lot above it can be among the least

    def add(self, table: pa.Table) -> None:
        lots = self._rng.random(table.num_rows)
        chosen = np.flatnonzero(lots < self._limit)
        self._tables.append(table.take(chosen))
        self._lots = np.concatenate([self._lots, lots[chosen]])
        if len(self._lots) > 2 * self._size or self._num_bytes() > 2 * _MOST_BYTES:
            self._cut()

    def _num_bytes(self) -> int:
        return sum(table.nbytes for table in self._tables)

    def _cut(self) -> None:
        most = max(1, len(self._lots) * _MOST_BYTES // max(1, self._num_bytes()))
        kept = np.sort(np.argsort(self._lots, kind="stable")[: min(self._size, most)])
        if len(kept) < len(self._lots):
            self._limit = self._lots[kept].max()
        self._tables = [pa.concat_tables(self._tables).take(kept).combine_chunks()]
        self._lots = self._lots[kept]

    def table(self) -> pa.Table:
        self._cut()
        return self._tables[0]


def label_column(rows: Rows, columns: pa.Table, option: str = "--label") -> str:
    """The one column that is called as labels usually are; ``option`` names another.

    Raises:
        DataError: if there is none, or more than one.
    """
    usual = [name for name in columns.column_names if name.lower() in _LABELS]
    if len(usual) != 1:
        raise DataError(
            f"which column of {rows.path} holds the labels? It has "
            f"{listed(columns.column_names)}: name it with {option}"
        )
    return usual[0]


class _Spans:
    """The least and the greatest value of each column that holds whole numbers alone."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, int]] = {}
        self._others: set[str] = set()

    def add(self, columns: pa.Table) -> None:
        for name in columns.column_names:
            ends = None if name in self._others else _ends(columns.column(name))
            if ends is None:
                self._others.add(name)
                self.found.pop(name, None)
                continue
            low, high = self.found.get(name, ends)
            self.found[name] = (min(low, ends[0]), max(high, ends[1]))


def _ends(column: pa.ChunkedArray) -> tuple[int, int] | None:
    if pa.types.is_string(column.type):  # as CSV has them
        numbers = pc.MatchSubstringOptions(r"^(0|[1-9]\d{0,14})$")
        fits = pc.call_function("match_substring_regex", [column], numbers)
        if not pc.call_function("all", [fits]).as_py():
            return None
        column = column.cast(pa.int64())
    if not pa.types.is_integer(column.type) or column.null_count or not len(column):
        return None
    ends = pc.call_function("min_max", [column]).as_py()
    return ends["min"], ends["max"]


def _numeric_order(labels: pa.Array) -> pa.Array:
    """Labels that are spelled numbers, by their value: 2 before 10."""
    if pa.types.is_string(labels.type):
        try:
            return labels.take(pc.call_function("array_sort_indices", [labels.cast(pa.int64())]))
        except pa.ArrowInvalid:
            return labels
    return labels
