"""A data set as rows in its own format: what every format can do."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

Write = Callable[[pa.Table], None]


@runtime_checkable
class Rows(Protocol):
    """Rows, which are kept as they are but for what has to be looked at.

    Attributes:
        path: where they lie.
        features: the columns of the features, where the format itself says which they are; else
            none, and they are guessed.
    """

    path: Path
    features: tuple[str, ...]

    def tables(self) -> Iterator[pa.Table]:
        """All rows in order, some at a time, in the form in which they are written back."""
        ...

    def columns(self, table: pa.Table) -> pa.Table:
        """The same rows with a column for each thing that can be named."""
        ...

    def compose(self, table: pa.Table, values: Mapping[str, pa.Array]) -> pa.Table:
        """The rows with other values in the columns named."""
        ...

    def writer(self, out: Path, num_rows: int) -> AbstractContextManager[Write]:
        """Write so many rows to ``out``, which is whole or not there, and replaces nothing."""
        ...
