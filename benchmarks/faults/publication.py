"""The counts, and the table of docs/faults.md."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.faults.checks import TAGS
from benchmarks.faults.outcomes import Outcome
from benchmarks.fresh_process import ROOT
from jaxverify.files.whole import write_whole
from train.markdown import fill_tables, markdown_table

PAGE = ROOT / "docs" / "faults.md"
RESULTS = ROOT / "results" / "benchmarks" / "faults.json"
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


def fill(page: str, content: Mapping[str, Any]) -> str:
    """The page with its table as the results have it."""
    measured = {k: v for k, v in content["measured"].items() if isinstance(v, dict)}
    return fill_tables(page, {"faults": lambda: table(measured)})


def publish() -> None:
    """Write the table of the page from the results."""
    page = fill(PAGE.read_text(), json.loads(RESULTS.read_text()))
    write_whole(PAGE, page.encode())
