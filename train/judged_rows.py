"""Counting verdicts: rows of trainings that were judged after each stage."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest

Row = dict[str, Any]


def count(passed: Sequence[bool]) -> str:
    """How many, and the exact 95% interval of the share (Clopper and Pearson).

    >>> count([True, True, False])
    '2 of 3 (9% to 99%)'
    """
    if not passed:
        return "none"
    interval = binomtest(sum(passed), len(passed)).proportion_ci(0.95, method="exact")
    return f"{sum(passed)} of {len(passed)} ({interval.low:.0%} to {interval.high:.0%})"


def first_pass(trainings: Sequence[Sequence[Row]]) -> str:
    """The least quality that a training had reached when one of its models first passed."""
    reached = []
    for rows in trainings:
        first = next((i for i, row in enumerate(rows) if row["passed"]), None)
        if first is not None:
            reached.append(max(row["share"] for row in rows[: first + 1]))
    return f"{min(reached):.1%}" if reached else "none"


def lowest(trainings: Sequence[Sequence[Row]]) -> str:
    """The least quality of a model that passed."""
    passed = [row["share"] for rows in trainings for row in rows if row["passed"]]
    return f"{min(passed):.1%}" if passed else "none"


def worse(trainings: Sequence[Sequence[Row]], wanted: float) -> list[bool]:
    """Whether those models passed that were below a share of the best quality."""
    return [row["passed"] for rows in trainings for row in rows if row["share"] < wanted]


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return sum(values) / len(values)
