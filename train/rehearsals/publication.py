"""From ``results/rehearsals/`` to the tables of ``docs/rehearsal.md``."""

import json
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole
from train.judged_rows import count, first_pass, lowest, mean, worse
from train.markdown import fill_tables, markdown_table
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
    return fill_tables(page, blocks)


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
        by_paper = [cloud["paper"] for cloud in others]
        paper = [rows[-1]["passed"] for rows in by_paper]
        plain = mean([cloud["plain_quality"] for cloud in others])
        if each["plan"] is None:
            line = [_named(each), count(paper), first_pass(by_paper), "no plan"]
            rows.append([*line, "", "", "", f"{plain:.1%}"])
            continue
        judged = [cloud["planned"] for cloud in clouds]
        quality = mean([rows[-1]["quality"] for rows in judged])
        rows.append(
            [
                _named(each),
                count(paper),
                first_pass(by_paper),
                count([rows[-1]["passed"] for rows in judged]),
                count(worse(judged, each["plan"]["wanted"])),
                first_pass(judged),
                lowest(judged),
                f"{quality:.1%}, {plain:.1%}",
            ]
        )
    return markdown_table(rows)


def _named(found: Found) -> str:
    return found["name"].replace("_", " ")
