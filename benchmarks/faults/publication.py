"""The counts, and the table of docs/faults.md."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.checks import TAGS
from benchmarks.faults.outcomes import Outcome
from benchmarks.fresh_process import ROOT
from jaxverify.files.whole import write_whole
from train.markdown import fill_tables, markdown_table

PAGE = ROOT / "docs" / "faults.md"
RESULTS = ROOT / "results" / "benchmarks"
_COLUMNS = {
    "traceback": "tracebacks",
    "status": "other statuses",
    "line": "not one line",
    "verdict": "wrong verdicts",
    "files": "files lost",
    "secret": "secrets",
    "controls": "control characters",
    "hang": "hangs",
    "temporary": "temporaries",
    "left": "left after an error",
}


def counts(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """By kind, how many ran, and how many of those did each thing wrong."""
    found: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        row = found.setdefault(outcome.kind, {"runs": 0, **dict.fromkeys(TAGS, 0)})
        row["runs"] += 1
        for tag in {each.split(":")[0] for each in outcome.violations}:
            row[tag] += 1
    return found


def table(found: Mapping[str, Mapping[str, int]]) -> str:
    """The same in Markdown, with a line for all kinds together."""
    rows = [["kind of fault", "runs", *_COLUMNS.values()]]
    keys = ("runs", *_COLUMNS)
    for kind, row in found.items():
        rows.append([kind.replace("_", " "), *(f"{row[key]:,}" for key in keys)])
    total = {key: sum(row[key] for row in found.values()) for key in keys}
    rows.append(["all", *(f"{total[key]:,}" for key in keys)])
    return markdown_table(rows)


_LEFT = re.compile("; left: (.*)")


def kill_counts(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """By command, what kills left, and after how many the same command came to something else."""
    found: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        row = found.setdefault(outcome.kind, {"kills": 0, "left": {}, "wrong": 0, "examples": {}})
        row["kills"] += 1
        row["wrong"] += bool(outcome.violations)
        left = _LEFT.search(outcome.variant)
        for each in left[1].split(", ") if left else ():
            row["left"][each] = row["left"].get(each, 0) + 1
        for each in outcome.violations:
            row["examples"][each] = row["examples"].get(each, 0) + 1
    return found


def kill_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The same in Markdown."""
    rows = [["command", "kills", "left by the kill", "wrong when started again", "what"]]
    for kind, row in found.items():
        left, wrong = (
            ", ".join(f"{name} ({number})" for name, number in row[key].items())
            for key in ("left", "examples")
        )
        rows.append([kind.replace("_", " "), str(row["kills"]), left, str(row["wrong"]), wrong])
    return markdown_table(rows)


def fill(page: str, results: Path = RESULTS) -> str:
    """The page with its tables as the results have them."""

    def measured(name: str) -> dict[str, Any]:
        return json.loads((results / f"{name}.json").read_text())["measured"]

    blocks = {
        "faults": lambda: table(measured("faults")["kinds"]),
        "kills": lambda: kill_table(measured("kills")["kinds"]),
    }
    there = {k: block for k, block in blocks.items() if (results / f"{k}.json").exists()}
    return fill_tables(page, there)


def publish() -> None:
    """Write the tables of the page from the results."""
    write_whole(PAGE, fill(PAGE.read_text()).encode())
