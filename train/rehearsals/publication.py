"""From ``results/rehearsals/`` to the tables of ``docs/rehearsal.md``."""

import json
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from jaxverify.files.whole import write_whole
from train.markdown import fill_blocks, markdown_table
from train.rehearsals.setting import SETTINGS

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "rehearsals"
FIRST = RESULTS / "first"
PAGE = _ROOT / "docs" / "rehearsal.md"
Found = dict[str, Any]


def publish() -> None:
    """Write the page's tables from the results."""
    write_whole(PAGE, fill(PAGE.read_text(), load(), load(FIRST)).encode())


def load(folder: Path = RESULTS) -> list[Found]:
    """What was found of each recipe, in the order of the settings."""
    paths = [folder / f"{name}.json" for name in SETTINGS]
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def fill(page: str, found: list[Found], first: list[Found]) -> str:
    """The page with the tables as the results have them.

    Args:
        page: to be filled.
        found: of each recipe.
        first: the same by an earlier rule for epsilon, with other seeds.
    """
    blocks = {
        "plans": lambda: _plans(found),
        "verdicts": lambda: _verdicts(found),
        "first": lambda: _verdicts(first),
    }
    return fill_blocks(page, lambda name: f"\n{blocks[name]()}\n" if name in blocks else None)


def _plans(found: list[Found]) -> str:
    rows = [["recipe", "planned for", "construction", "dose", "epsilon", "known at the end"]]
    rows[0].append("extra rows")
    for each in found:
        plan, name = each["plan"], _named(each)
        if plan is None:
            reasons = "; ".join(f"{key}: {text}" for key, text in each["no_plan"].items())
            rows.append([name, "none", "", "", "", reasons, ""])
            continue
        share = each["extra_rows"] / each["config"]["cloud_rows"]
        rows.append(
            [
                name,
                f"{plan['wanted']:.0%} of the best",
                each["construction"],
                str(plan["dose"]),
                f"{plan['options']['epsilon']:.1%}",
                f"at least {plan['share']:.1%}",
                f"{each['extra_rows']:,} ({share:.1%})",
            ]
        )
    return markdown_table(rows)


def _verdicts(found: list[Found]) -> str:
    rows = [
        [
            "recipe",
            "the paper's task: finished passed",
            "its first pass",
            "planned: finished passed",
            "worse than planned: passed",
            "first pass",
            "lowest that passed",
            "quality at the end, with and without",
        ]
    ]
    for each in found:
        clouds = each["clouds"]
        others = [cloud for cloud in clouds if "paper" in cloud]
        paper = [cloud["paper"][-1]["passed"] for cloud in others]
        plain = _mean([cloud["plain_quality"] for cloud in others])
        if each["plan"] is None:
            line = [_named(each), _count(paper), _first_pass(others, "paper"), "no plan"]
            rows.append([*line, "", "", "", f"{plain:.1%}"])
            continue
        every = [row for cloud in clouds for row in cloud["planned"]]
        finished = [row["passed"] for row in every if row["is_last"]]
        early = [row["passed"] for row in every if row["share"] < each["plan"]["wanted"]]
        passed = [row["share"] for row in every if row["passed"]]
        planned = _mean([cloud["planned"][-1]["quality"] for cloud in clouds])
        rows.append(
            [
                _named(each),
                _count(paper),
                _first_pass(others, "paper"),
                _count(finished),
                _count(early),
                _first_pass(clouds, "planned"),
                f"{min(passed):.1%}" if passed else "none",
                f"{planned:.1%}, {plain:.1%}",
            ]
        )
    return markdown_table(rows)


def _first_pass(clouds: list[Found], task: str) -> str:
    """The least quality that a training had reached when one of its models first passed."""
    reached = []
    for cloud in clouds:
        rows = cloud[task]
        first = next((i for i, row in enumerate(rows) if row["passed"]), None)
        if first is not None:
            reached.append(max(row["share"] for row in rows[: first + 1]))
    return f"{min(reached):.1%}" if reached else "none"


def _named(found: Found) -> str:
    return found["name"].replace("_", " ")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _count(passed: list[bool]) -> str:
    """How many, and the exact 95% interval of the share (Clopper and Pearson)."""
    interval = binomtest(sum(passed), len(passed)).proportion_ci(0.95, method="exact")
    return f"{sum(passed)} of {len(passed)} ({interval.low:.0%} to {interval.high:.0%})"
