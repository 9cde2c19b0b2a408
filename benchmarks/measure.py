"""How every benchmark measures: candidates in turn, round by round, and their ratios by round.

A machine's speed drifts while others use it too, so two times are compared only where they were
taken next to each other, and the median over the rounds is quoted with its spread.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, a value for each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)

    def of_one(self, parts: int) -> "Timing":
        """The seconds of one part of a call that does ``parts`` equal ones."""
        return Timing(tuple(seconds / parts for seconds in self.seconds))

    def over(self, other: "Timing") -> "Ratio":
        """How many times as long as ``other`` it took, round by round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return Ratio(tuple(mine / theirs for mine, theirs in pairs))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the median, the extremes and every round."""
        return _summary(self.seconds, "seconds")


@dataclass(frozen=True)
class Ratio:
    """A ratio of two times, a value for each round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.values)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the median, the extremes and every round."""
        return _summary(self.values, "values")

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.values):.2f} to {max(self.values):.2f})"


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    warmup: int = 2,
    min_seconds: float = 0.2,
) -> dict[str, Timing]:
    """Time every candidate once a round, in an order that moves on from round to round.

    Args:
        candidates: functions of no arguments that return when their work is done: a function of
            JAX's has to wait with ``jax.block_until_ready``.
        rounds: how many times are taken of each.
        warmup: calls of each before the first round: the first compiles.
        min_seconds: a shorter call is repeated until it takes so long, and its mean is taken.
    """
    repeats = {}
    with Progress(transient=True) as progress:
        bar = progress.add_task("", total=len(candidates) * (rounds + 1))
        for name, function in candidates.items():
            progress.update(bar, description=f"warming up {name}")
            for _ in range(warmup):
                function()
            repeats[name] = max(1, math.ceil(min_seconds / max(_time(function, 1), 1e-9)))
            progress.advance(bar)
        names, seconds = list(candidates), {name: [] for name in candidates}
        for turn in range(rounds):
            start = turn % len(names)
            for name in names[start:] + names[:start]:
                progress.update(bar, description=name)
                seconds[name].append(_time(candidates[name], repeats[name]))
                progress.advance(bar)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _time(function: Callable[[], object], repeats: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def _summary(values: tuple[float, ...], name: str) -> dict[str, Any]:
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        name: list(values),
    }
