"""A file of one JSON object a line, in the order of training steps, that grows as a run goes on."""

import json
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole

Row = dict[str, Any]


class JsonLines:
    """Rows that have a ``step``; a last line that a crash cut short counts as not written."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read or written."""
        self._path = path

    def append(self, row: Row) -> None:
        """Add one row."""
        with self._path.open("a") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def read(self) -> list[Row]:
        """All rows so far; none where there is no file."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().split("\n")[:-1]]

    def rewind(self, step: int) -> None:
        """Forget the rows after ``step``, which a resumed run writes again."""
        if not self._path.exists():
            return
        rows = [row for row in self.read() if row["step"] <= step]
        write_whole(self._path, "".join(json.dumps(row) + "\n" for row in rows).encode())
