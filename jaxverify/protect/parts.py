"""A data set that lies in several files, of which each has a share of the rows."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from jaxverify.errors import UserError
from jaxverify.protect.rows import Write


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """So many rows in all, in files that had ``sizes`` rows.

    Guarantee: each differs from its exact share by less than one.

    >>> shares([100, 50, 50], 210)
    [105, 52, 53]
    """
    ends = np.cumsum(sizes)
    return np.diff(ends * total // max(1, ends[-1]), prepend=0).tolist()


@contextmanager
def in_parts(parts: Sequence[tuple[AbstractContextManager[Write], int]]) -> Iterator[Write]:
    """Write to one file after the other: each is opened in its turn, and has so many rows."""
    for part, size in parts:
        if not size:
            with part:
                pass
    rest, missing = iter([(part, size) for part, size in parts if size]), 0
    write_part: Write
    with ExitStack() as current:  # the part that is open

        def write(table: pa.Table) -> None:
            nonlocal missing, write_part
            while table.num_rows:
                if not missing:
                    current.close()
                    part, missing = next(rest)
                    write_part = current.enter_context(part)
                write_part(table.slice(0, missing))
                taken = min(missing, table.num_rows)
                missing, table = missing - taken, table.slice(taken)

        yield write


def copy_files(files: Iterable[Path], folder: Path) -> None:
    """Copy files byte for byte, under their names.

    Raises:
        UserError: if one cannot be read, naming it.
    """
    for file in files:
        try:
            shutil.copyfile(file, folder / file.name)
        except OSError as error:
            raise UserError(f"{file} cannot be copied: {error.strerror}") from error
