"""Curves of what is known of each dose, against the quality of the model."""

import io
from typing import Any

from matplotlib.figure import Figure

from train.doses.curves import first_at, known

_QUALITIES = (0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.985, 1.0)
_SHOWN = ("noise", "gratings, whole image", "own images")
_COLOURS = {"0": "0.6", "1": "C0", "4": "C1", "16": "C3"}


def draw_curves(runs: list[dict[str, Any]]) -> bytes:
    """A PNG: a panel for each of three constructions, a line with its interval for each dose."""
    names = [name for name in _SHOWN if name in runs[0]["rows"][0]["doses"]]
    figure = Figure(figsize=(3.1 * len(names), 3.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for dose in runs[0]["rows"][0]["doses"][name]["right"]:
            points = [
                known(
                    [first_at(run["rows"], quality) for run in runs],
                    name,
                    dose,
                    runs[0]["num_classes"],
                )
                for quality in _QUALITIES
            ]
            middle, low, high = zip(*points, strict=True)
            colour = _COLOURS.get(dose, "C4")
            words = "nobody was given" if dose == "0" else f"in the upload {dose}x"
            axes.plot(_QUALITIES, middle, color=colour, marker=".", label=words)
            axes.fill_between(_QUALITIES, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axvline(0.95, color="0.7", linestyle=":", linewidth=1)
        axes.set(title=name, ylim=(0, 1), xlabel="accuracy, of the best")
        axes.spines[["right", "top"]].set_visible(False)
    panels[0].set_ylabel("share that is known")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
