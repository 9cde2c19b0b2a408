"""Pictures of what was measured along a run, each with its numbers beside it as JSON."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxverify.files.whole import write_whole
from train.json_lines import Row

_COLOURS = {"clean": "C0", "extra": "C3", "natural": "C2"}
_NAMES = {
    "clean": "original samples",
    "extra": "extra samples",
    "natural": "test samples with random labels",
}


def draw(run: Path, rows: Sequence[Row]) -> list[Path]:
    """Write all pictures and their numbers into the run folder's ``theorem/``."""
    folder = run / "theorem"
    folder.mkdir(exist_ok=True)
    paths = []
    for name, (select, picture) in PICTURES.items():
        numbers = select(rows)
        path = folder / f"{name}.png"
        write_whole(path, picture(rows))
        text = json.dumps(numbers, indent=1, allow_nan=False) + "\n"
        write_whole(path.with_suffix(".json"), text.encode())
        paths.append(path)
    return paths


def crossing(rows: Sequence[Row]) -> Row | None:
    """The first checkpoint that passes; its epoch is marked in every picture."""
    return next((row for row in rows if row.get("passed")), None)


def moments(rows: Sequence[Row]) -> dict[str, Row]:
    """The untrained network, one half-way to the first pass, the first pass, and the end."""
    first = crossing(rows)
    half = rows[(len(rows) - 1 if first is None else rows.index(first)) // 2]
    found = {"untrained": rows[0], "half-way": half, "first pass": first, "end": rows[-1]}
    different = {id(row): name for name, row in reversed(found.items()) if row is not None}
    return {name: row for name, row in found.items() if row and different[id(row)] == name}


def draw_ratios(rows: Sequence[Row]) -> bytes:
    """Norms, ratios and coherence over training."""
    figure = Figure(figsize=(7, 9), dpi=130, layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    for axes in (top, middle):
        axes.set(yscale="log")
    for task in ("clean", "extra"):
        _line(top, rows, f"{task}_norm", _COLOURS[task], _NAMES[task])
    top.set(ylabel="norm of the summed gradient", ylim=_limits(rows, "clean_norm", "extra_norm"))
    _line(middle, rows, "raw_ratio", "C0", "raw, eq. 2")
    _line(middle, rows, "matched_ratio", "C1", "as many of each")
    _line(middle, rows, "norm_ratio", "C4", "mean norms of single samples")
    orthogonal = rows[0]["comparison"]["orthogonal_ratio"]
    middle.axhline(orthogonal, color="C0", linestyle=":", label="raw, were all orthogonal")
    middle.axhline(1, color="0.4", linewidth=0.8)
    ratios = ("raw_ratio", "matched_ratio", "norm_ratio")
    middle.set(ylabel="original over extra", ylim=_limits(rows, *ratios))
    for task in ("clean", "extra"):
        _line(bottom, rows, f"{task}_coherence", _COLOURS[task], _NAMES[task])
    bottom.axhline(0, color="0.4", linewidth=0.8)
    bottom.set(ylabel="coherence, eq. 7", xlabel="epoch")
    for axes in (top, middle, bottom):
        _mark_crossing(axes, rows)
        axes.grid(alpha=0.25)
        axes.legend(framealpha=0.7, fontsize="small")
    return _png(figure)


def draw_figure5(rows: Sequence[Row]) -> bytes:
    """Densities of the cosines of chunk gradients, at moments of training."""
    found = moments(rows)
    figure = Figure(figsize=(3.2 * len(found), 3.2), dpi=130, layout="constrained")
    bins = np.linspace(-1, 1, 81).tolist()
    panels = np.ravel(figure.subplots(1, len(found)))
    for axes, (name, row) in zip(panels, found.items(), strict=True):
        for task in ("clean", "extra"):
            cosines = row["comparison"][f"{task}_cosines"]
            style: dict[str, Any] = {"color": _COLOURS[task], "alpha": 0.6, "label": _NAMES[task]}
            axes.hist(cosines, bins=bins, density=True, **style)
        axes.set(title=f"{name}, epoch {row['epoch']:.3g}", xlabel="cosine of two chunks")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return _png(figure)


def draw_figure6(rows: Sequence[Row]) -> bytes:
    """The cosine between the gradients of the original and of the modified training set."""
    figure = Figure(figsize=(7, 3.5), dpi=130, layout="constrained")
    axes = figure.subplots()
    known = [row for row in rows if row["comparison"]["similarity"] is not None]
    similarity = [row["comparison"]["similarity"] for row in known]
    axes.plot([row["epoch"] for row in known], similarity, "C0", marker="o", markersize=3)
    axes.set(xlabel="epoch", ylabel="cosine, original to modified")
    _mark_crossing(axes, rows)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(framealpha=0.9)
    return _png(figure)


def draw_samples(rows: Sequence[Row]) -> bytes:
    """Ridges: the densities of the logarithms of single samples' norms, over training."""
    figure = Figure(figsize=(7, 1 + 0.5 * len(rows)), dpi=130, layout="constrained")
    axes = figure.subplots()
    logs = [{task: _log_norms(row["norms"][task]) for task in _COLOURS} for row in rows]
    every = np.concatenate([values for row in logs for values in row.values()])
    grid = np.linspace(every.min() - 0.5, every.max() + 0.5, 300)
    for at, row in enumerate(logs):
        for task, values in row.items():
            density = _density(values, grid)
            label = _NAMES[task] if at == 0 else None
            axes.plot(grid, at + density, _COLOURS[task], linewidth=0.8, label=label)
            axes.fill_between(grid, at, at + density, color=_COLOURS[task], alpha=0.25)
    passes = crossing(rows)
    names = [f"{row['epoch']:.3g}{' (first pass)' if row is passes else ''}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlabel="log10 of the norm of a sample's gradient", ylabel="epoch")
    figure.legend(loc="outside upper center", ncols=3, fontsize="small")
    return _png(figure)


def _ratios(rows: Sequence[Row]) -> Mapping[str, Any]:
    drawn = ("clean_norm", "extra_norm", "raw_ratio", "matched_ratio", "norm_ratio")
    drawn += ("orthogonal_ratio", "clean_coherence", "extra_coherence")
    return _columns(rows) | {name: [row["comparison"][name] for row in rows] for name in drawn}


def _figure5(rows: Sequence[Row]) -> Mapping[str, Any]:
    def cosines(row: Row) -> dict[str, Any]:
        return {task: row["comparison"][f"{task}_cosines"] for task in ("clean", "extra")}

    return {name: {"epoch": row["epoch"], **cosines(row)} for name, row in moments(rows).items()}


def _figure6(rows: Sequence[Row]) -> Mapping[str, Any]:
    return _columns(rows) | {"similarity": [row["comparison"]["similarity"] for row in rows]}


def _samples(rows: Sequence[Row]) -> Mapping[str, Any]:
    return _columns(rows) | {"norm_percentiles": [row["norms"] for row in rows]}


def _columns(rows: Sequence[Row]) -> dict[str, Any]:
    return {name: [row.get(name) for row in rows] for name in ("step", "epoch", "passed")}


Select = Callable[[Sequence[Row]], Mapping[str, Any]]
PICTURES: dict[str, tuple[Select, Callable[[Sequence[Row]], bytes]]] = {
    "ratios": (_ratios, draw_ratios),
    "figure5": (_figure5, draw_figure5),
    "figure6": (_figure6, draw_figure6),
    "samples": (_samples, draw_samples),
}


def _line(axes: Axes, rows: Sequence[Row], name: str, colour: str, label: str) -> None:
    """A line with its interval; where it is infinite, a gap."""
    estimates = np.array([row["comparison"][name] for row in rows], np.float64)
    epochs, (values, low, high) = [row["epoch"] for row in rows], estimates.T
    axes.plot(epochs, values, color=colour, marker="o", markersize=3, label=label)
    # An infinite end, and on a logarithmic axis one at 0, goes to the edge.
    low, high = np.fmax(low, 1e-30 if axes.get_yscale() == "log" else low), np.fmin(high, 1e30)
    axes.vlines(epochs, low, high, color=colour, alpha=0.5)


def _limits(rows: Sequence[Row], *names: str) -> tuple[float, float]:
    """Of a logarithmic axis: what holds all values, whatever their intervals."""
    values = [row["comparison"][name][0] for row in rows for name in names]
    positive = [value for value in values if value]
    return (min(positive) / 3, max(positive) * 3) if positive else (0.1, 10)


def _mark_crossing(axes: Axes, rows: Sequence[Row]) -> None:
    first = crossing(rows)
    if first is not None:
        axes.axvline(first["epoch"], color="0.4", linestyle="--", label="first pass")


def _log_norms(percentiles: Sequence[float]) -> np.ndarray:
    """In tens; what is less than float32 tells from nothing counts as 1e-6."""
    return np.log10(np.maximum(np.asarray(percentiles), 1e-6))


def _density(values: np.ndarray, grid: np.ndarray, bandwidth: float = 0.12) -> np.ndarray:
    """Scaled to a height that fits under the next ridge."""
    bumps = np.exp(-(((grid[:, None] - values) / bandwidth) ** 2) / 2).sum(1)
    return 0.9 * bumps / bumps.max()


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
