"""A study that is counted in one go: its command line, its file of results, and its table."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxverify.data import load
from jaxverify.exit_status import exit_status
from jaxverify.files.whole import write_whole
from train.markdown import fill_blocks
from train.provenance import provenance

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Study:
    """A study whose numbers go to ``results/NAME/NAME.json`` and to a block of a page.

    Attributes:
        name: of the script in ``train/``, the folder in ``results/``, and the block.
        page: in ``docs/``, with the block.
        repeats: how many are drawn of each kind, unless the command line says otherwise.
        facts: what else the results depend on.
        measure: what is counted, from the number of repeats.
        table: what was measured, in Markdown.
        wrong: how many of the numbers are not as they should be.
        dataset: that it is measured on, if on any.
    """

    name: str
    page: str
    repeats: int
    facts: dict[str, Any]
    measure: Callable[[int], Any]
    table: Callable[[Any], str]
    wrong: Callable[[Any], int]
    dataset: str | None = None

    @property
    def results(self) -> Path:
        """The file that the page quotes."""
        return _ROOT / "results" / self.name / f"{self.name}.json"

    @property
    def document(self) -> Path:
        """The page."""
        return _ROOT / "docs" / self.page

    def main(self, doc: str, args: Sequence[str] | None = None) -> int:
        """Measure, write, and fill in the table.

        Returns:
            int: 0, or 1 where a number is not as it should be.
        """
        parser = argparse.ArgumentParser(
            prog=f"python -m train.{self.name}",
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add = parser.add_argument
        add("--repeats", type=int, default=self.repeats, help="of each kind (%(default)s)")
        add("--out", type=Path, default=self.results, help="a JSON file (%(default)s)")
        options = parser.parse_args(args)
        return exit_status(lambda: self._run(options.repeats, options.out), goes_on="run it again")

    def _run(self, repeats: int, out: Path) -> int:
        started = time.monotonic()
        measured = self.measure(repeats)
        content = {
            "command": f"python -m train.{self.name}",
            "config": {"repeats": repeats, "seed": 0, **self.facts},
            "data_fingerprint": self.dataset and load(self.dataset).fingerprint,
            **provenance(),
            "seconds": round(time.monotonic() - started, 1),
            "measured": measured,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, (json.dumps(content, indent=1) + "\n").encode())
        if out == self.results:
            write_whole(self.document, self.fill(self.document.read_text()).encode())
        wrong = self.wrong(measured)
        Console().print(f"{wrong} numbers are not as they should be: {out}")
        return 1 if wrong else 0

    def fill(self, page: str) -> str:
        """The page with the table as the file has it."""
        text = self.table(json.loads(self.results.read_text())["measured"])
        return fill_blocks(page, {self.name: text}.get)
