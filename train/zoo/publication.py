"""From ``results/zoo/`` to the tables of ``docs/zoo.md`` and of README's limits."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole
from train.judged_rows import count, first_pass, lowest, mean, worse
from train.markdown import fill_tables, markdown_table

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "zoo"
PAGES = (_ROOT / "docs" / "zoo.md", _ROOT / "README.md")
_GOOD = 0.95  # of the best quality, below which no model should pass
_NETWORKS = ("network", "regularised-network")
_FAMILIES = (*_NETWORKS, "linear", "trees", "neighbours", "unknown")
_KINDS = {"cifar10": "images", "ag_news": "texts"}
_HEAD: str = (
    "trainer; family; rehearsed as; the paper's task: finished passed; its first pass; planned: "
    "finished passed; worse than planned: passed; first pass; lowest that passed; planned for; "
    "extra rows; quality at the end"
)
Run = dict[str, Any]


def publish() -> None:
    """Write the tables of both pages from the results."""
    for page in PAGES:
        write_whole(page, fill(page.read_text(), load()).encode())


def load(folder: Path = RESULTS) -> list[Run]:
    """All runs, by trainer and seed."""
    runs = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    for run in runs:  # as they were called when the first ones ran
        run["family"] = run["config"]["family"].replace(" ", "-")
    return sorted(runs, key=lambda run: _FAMILIES.index(run["family"]))


def fill(page: str, runs: list[Run]) -> str:
    """A page with its tables as the results have them."""
    blocks = {
        "zoo_trainers": lambda: _trainers(runs),
        "zoo_families": lambda: _by_family(runs),
        "zoo_totals": lambda: _totals(runs),
    }
    return fill_tables(page, blocks)


def _trainers(runs: Sequence[Run]) -> str:
    rows = [_HEAD.split("; ")]
    for (words, family), group in groupby(
        sorted(runs, key=_trainer), key=lambda run: (run["config"]["words"], run["family"])
    ):
        each = list(group)
        paper = [run["paper"] for run in each if "paper" in run]
        line = [words, family, each[0]["config"]["rehearsal"].replace("_", " ")]
        line += [count([rows[-1]["passed"] for rows in paper]), first_pass(paper)]
        planned = [run["planned"] for run in each if "planned" in run]
        if not planned:
            rows.append([*line, "no plan", "", "", "", "", "", _quality(paper)])
            continue
        wanted, extra = each[0]["wanted"], each[0]["extra_rows"]["planned"]
        line += [count([rows[-1]["passed"] for rows in planned]), count(worse(planned, wanted))]
        line += [first_pass(planned), lowest(planned), f"{wanted:.0%}"]
        rows.append([*line, f"{extra / each[0]['cloud_rows']:.1%}", _quality(planned)])
    return markdown_table(rows)


def _trainer(run: Run) -> tuple[Any, ...]:
    return _FAMILIES.index(run["family"]), run["config"]["rehearsal"], run["name"]


def _quality(trainings: list[list[dict[str, Any]]]) -> str:
    return f"{mean([rows[-1]['quality'] for rows in trainings]):.1%}"


def _by_family(runs: Sequence[Run]) -> str:
    rows: list[list[str]] = [
        [
            "family",
            "trainers",
            "the paper's task: finished passed",
            f"below {_GOOD:.0%} of their best: passed",
            "rehearsed: finished passed",
            "worse than planned: passed",
        ]
    ]
    for family in _FAMILIES:
        each = [run for run in runs if run["family"] == family]
        if each:
            rows.append([family, str(len({run["name"] for run in each})), *_counts(each)])
    return markdown_table(rows)


def _counts(runs: Sequence[Run]) -> list[str]:
    paper = [run["paper"] for run in runs if "paper" in run]
    planned = [run for run in runs if "planned" in run]
    early = [passed for run in planned for passed in worse([run["planned"]], run["wanted"])]
    return [
        count([rows[-1]["passed"] for rows in paper]),
        count(worse(paper, _GOOD)),
        count([run["planned"][-1]["passed"] for run in planned]),
        count(early),
    ]


def _totals(runs: Sequence[Run]) -> str:
    networks = [run for run in runs if run["family"] in _NETWORKS]
    paper, early_paper, planned, early = _counts(networks)
    trainers = len({run["name"] for run in runs})
    return (
        f"{trainers} trainers in {len(runs)} runs. Of finished networks {planned} passed by their "
        f"rehearsed plan, and {paper} by the paper's task. Of networks that were worse than "
        f"planned for {early} passed by the plan; of those below {_GOOD:.0%} of their best "
        f"{early_paper} by the paper's task.\n"
    )
