"""``-`` stands for standard input or output."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD = Path("-")
_BEGINNINGS = {b"PAR1": ".parquet", b"{": ".jsonl", b"[": ".json"}


def read_input(path: Path) -> bytes:
    """What is in a file, or comes from standard input.

    Raises:
        OSError: if it cannot be read.
    """
    return sys.stdin.buffer.read() if path == STANDARD else path.read_bytes()


@contextmanager
def input_file(path: Path) -> Iterator[Path]:
    """A file, or one that holds what comes from standard input, with the ending of its form.

    Args:
        path: of the file, or ``-``: Parquet, JSON Lines, JSON or CSV.

    Raises:
        OSError: if it cannot be read.

    Guarantee: what came from standard input is gone when the block is left.
    """
    if path != STANDARD:
        yield path
        return
    content = read_input(path)
    start = content.lstrip()
    ending = next((e for s, e in _BEGINNINGS.items() if start.startswith(s)), ".csv")
    if ending == ".jsonl" and _is_one_object(content):
        ending = ".json"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"standard-input{ending}"
        file.write_bytes(content)
        yield file


def _is_one_object(content: bytes) -> bool:
    """Whether an object goes on after its first line, or is the only one and has no id."""
    first, _, rest = content.strip().partition(b"\n")
    return not first.rstrip().endswith(b"}") or (not rest and b'"id"' not in first)
