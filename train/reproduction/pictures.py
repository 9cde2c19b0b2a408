"""Figures 3 and 4 of the paper: performance loss by η, by s, and by construction."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from train.reproduction.arms import (
    BY_ETA,
    BY_FIXED_RATIO,
    CELLS,
    FIFTH_BY_ETA,
    FIFTH_CELL,
    FIFTH_NATURAL_BY_ETA,
    NATURAL_BY_ETA,
    Arm,
    Cell,
)
from train.reproduction.measures import Mean
from train.reproduction.tables import Results, losses

_FIFTH = {"color": "k", "linestyle": "--", "label": f"{'/'.join(FIFTH_CELL)}, a fifth of it"}


def draw_losses(number: int, results: Results) -> bytes:
    """A PNG of figure 3 or 4: a line for each cell that has runs, with the intervals over seeds."""
    figure = Figure(figsize=(10.5, 4), dpi=130, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, results, BY_ETA, _eta)
    left.set(title="the paper's construction", xlabel="η, %", ylabel="performance loss, points")
    if number == 3:
        _draw(right, results, BY_FIXED_RATIO, lambda arm: arm.fixed_ratio)
        right.set(title="the paper's construction, η = 0.8%", xlabel="s")
    else:
        _draw(right, results, NATURAL_BY_ETA, _eta)
        _draw_line(left, results, FIFTH_CELL, FIFTH_BY_ETA, _eta, **_FIFTH)
        _draw_line(right, results, FIFTH_CELL, FIFTH_NATURAL_BY_ETA, _eta, **_FIFTH)
        right.set(title="test samples with random labels", xlabel="η, %")
    shown = {label: handle for axes in (left, right) for handle, label in _handles(axes)}
    if shown:
        figure.legend(shown.values(), shown.keys(), loc="outside right center")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _eta(arm: Arm) -> float:
    """In percent."""
    return 100 * arm.eta


def _draw(axes: Axes, results: Results, arms: Sequence[Arm], value: Callable[[Arm], float]) -> None:
    for i, cell in enumerate(CELLS):
        _draw_line(axes, results, cell, arms, value, color=f"C{i}", label="/".join(cell))
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.grid(alpha=0.25)


def _draw_line(
    axes: Axes,
    results: Results,
    cell: Cell,
    arms: Sequence[Arm],
    value: Callable[[Arm], float],
    **look: Any,
) -> None:
    points = [(value(arm), Mean.of(found)) for arm in arms if (found := losses(results, cell, arm))]
    if not points:
        return
    x, means = zip(*points, strict=True)
    margins = [mean.margin if mean.count > 1 else 0.0 for mean in means]
    axes.errorbar(x, [mean.mean for mean in means], margins, marker="o", capsize=3, **look)


def _handles(axes: Axes) -> Iterator[tuple[Any, str]]:
    return zip(*axes.get_legend_handles_labels(), strict=True)
