"""The entries of the tables, in words and percent."""

from collections.abc import Iterator, Sequence
from typing import Any

from train.reproduction.arms import Cell
from train.reproduction.measures import Mean, Result

READINGS = {
    "by epoch": "first_whole_epoch",
    "lasting": "lasting_crossing",
    "lowest": "lowest_passing",
}


def name_of(cell: Cell) -> str:
    """Data set and model."""
    return "/".join(cell)


def readings(found: Sequence[Result]) -> list[str]:
    """CQ in the other three ways of reading it."""
    return [mean(cq(found, f"cq_{name}")) for name in READINGS.values()]


def cq(results: Sequence[Result], name: str) -> list[float]:
    """In percent, of the runs that pass at all."""
    values: Iterator[Any] = (result["summary"][name] for result in results)
    return [100 * value for value in values if value is not None]


def beside(values: Sequence[float], paper: float | None) -> list[str]:
    """Our mean, the paper's number, the difference, and of how many seeds ours is."""
    difference = ""
    if values and paper is not None:
        difference = f"{Mean.of(values).mean - paper:+.2f}"
    return [mean(values), number(paper), difference, str(len(values))]


def mean(values: Sequence[float]) -> str:
    """With its interval where there are several."""
    if not values:
        return "-"
    found = Mean.of(values)
    return f"{found.mean:z.2f}" + (f" ± {found.margin:.2f}" if found.count > 1 else "")


def number(value: float | None) -> str:
    """One that is in percent already."""
    return "-" if value is None else f"{value:z.2f}"


def share(value: float | None) -> str:
    """One that is not, in percent."""
    return "-" if value is None else f"{100 * value:.2f}"
