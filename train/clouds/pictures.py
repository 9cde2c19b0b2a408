"""The frontier: how well a construction hides, against how well it works."""

import io

from matplotlib.figure import Figure

from train.clouds.summary import Cells, judge, tried

_TEST = "twins and fits"


def draw_frontier(constructions: dict[str, Cells]) -> bytes:
    """A PNG: the best detector's AUC of each construction, against CQ and against accuracy loss."""
    figure = Figure(figsize=(10, 4.2), dpi=130, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for i, (name, cells) in enumerate(constructions.items()):
        seen = sum(max(cell["detectors"].values()) for cell in cells) / len(cells)
        lowest = judge(tried(cells), _TEST).lowest_quality
        losses = [
            100 * (cell["unprotected_accuracy"] - cell["clouds"]["full training"]["test_accuracy"])
            for cell in cells
        ]
        style = {"color": f"C{i}", "marker": "osD^vPX*"[i % 8], "s": 60}
        if lowest is not None:
            left.scatter(seen, 100 * lowest, **style)
        right.scatter(seen, sum(losses) / len(losses), label=name, **style)
    left.set(ylabel=f"lowest CQ of a lazy cloud that passes, %\n({_TEST})")
    right.set(ylabel="accuracy lost to the extra task, points")
    for axes in (left, right):
        axes.set(xlabel="AUC of the best detector; 0.5 sees nothing")
        axes.axvline(0.5, color="0.4", linewidth=0.8)
        axes.grid(alpha=0.25)
    figure.legend(*right.get_legend_handles_labels(), loc="outside right upper", fontsize="small")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
