"""The picture of a run: how good it is, the extra task, and where it begins to pass."""

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure


def draw_curve(
    title: str,
    rows: Sequence[dict[str, Any]],
    threshold: float | None,
    probes: Sequence[dict[str, Any]] = (),
) -> bytes:
    """A PNG of the accuracies by epoch.

    Args:
        title: above the picture.
        rows: the evaluations of the run, as :func:`train.summary.summarise` takes them.
        threshold: T of the verification, or None for a baseline.
        probes: what was found of the extra task between the evaluations.
    """
    figure = Figure(figsize=(7, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 40 else None
    style: dict[str, Any] = {"marker": marker, "markersize": 3}
    axes.plot(epochs, [r["test_accuracy"] for r in rows], color="C0", label="test", **style)
    if threshold is not None:
        asked = sorted([*rows, *probes], key=lambda row: row["step"])
        marks = {**style, "marker": "o" if len(asked) < 40 else None}
        epochs = [row["epoch"] for row in asked]
        axes.plot(epochs, [r["extra_accuracy"] for r in asked], "C3", label="extra task", **marks)
        scored = [row for row in asked if "extra_auc" in row]
        if scored:
            points = [row["epoch"] for row in scored], [row["extra_auc"] for row in scored]
            axes.plot(*points, color="C1", linewidth=1, label="AUC of its scores")
        axes.axhline(threshold, color="C3", linestyle=":", label=f"threshold T = {threshold:.2%}")
        first = next((row for row in rows if row["passed"]), None)
        if first is not None:
            label = f"first pass, test {first['test_accuracy']:.1%}"
            axes.axvline(first["epoch"], color="0.4", linestyle="--", label=label)
    axes.set(title=title, xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02), xlim=(0, None))
    axes.grid(alpha=0.25)
    axes.legend(loc="best", framealpha=0.9)
    return _png(figure)


def draw_reconstruction(
    title: str, rows: Sequence[dict[str, Any]], probes: Sequence[dict[str, Any]] = ()
) -> bytes:
    """A PNG of what an autoencoder explains of the test set, and of the AUC, by epoch.

    Args:
        title: as :func:`draw_curve` takes it.
        rows: as :func:`draw_curve` takes it.
        probes: as :func:`draw_curve` takes it.
    """
    figure = Figure(figsize=(7, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    style: dict[str, Any] = {"marker": "o" if len(rows) < 40 else None, "markersize": 3}
    explained = [row["test_explained"] for row in rows]
    axes.plot([row["epoch"] for row in rows], explained, label="test: explained", **style)
    if "passed" in rows[0]:
        asked = sorted([*rows, *probes], key=lambda row: row["step"])
        aucs = [row["extra_auc"] for row in asked]
        axes.plot([row["epoch"] for row in asked], aucs, "C3", label="extra task: AUC", **style)
        axes.axhline(0.5, color="C3", linestyle=":", label="nothing memorised")
        first = next((row for row in asked if row["passed"]), None)
        if first is not None:
            axes.axvline(first["epoch"], color="0.4", linestyle="--", label="first pass")
    axes.set(title=title, xlabel="epoch", ylim=(0, 1.02), xlim=(0, None))
    axes.grid(alpha=0.25)
    axes.legend(loc="best", framealpha=0.9)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
