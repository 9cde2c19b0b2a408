"""Pictures of what the benchmarks measured, drawn from their JSON files alone.

python -m benchmarks.pictures    # results/benchmarks/*.json to docs/performance/*.png
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from jaxverify.files.whole import write_whole

_ROOT = Path(__file__).parent.parent
RESULTS = _ROOT / "results" / "benchmarks"
PICTURES = _ROOT / "docs" / "performance"


def main() -> None:
    """Draw every picture of which there is a file."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in DRAWINGS:
        path = RESULTS / f"{name}.json"
        if path.exists():
            write_whole(PICTURES / f"{name}.png", picture(name, path.read_bytes()))


def picture(name: str, content: bytes) -> bytes:
    """A PNG of one benchmark; its text "Source" holds the SHA-256 of the file it was drawn from."""
    figure = Figure(figsize=(11, 3.6), dpi=130, layout="constrained")
    DRAWINGS[name](figure, json.loads(content)["measured"])
    png = io.BytesIO()
    metadata = {"Software": None, "Source": hashlib.sha256(content).hexdigest()}
    figure.savefig(png, format="png", metadata=metadata)
    return png.getvalue()


def draw_scaling(figure: Figure, measured: dict[str, Any]) -> None:
    """Time and memory of an export by its size, and a step by the number of devices."""
    time, memory, steps = figure.subplots(1, 3)
    exports = measured["export"]
    rows = [export["rows"] for export in exports]
    ways = {"stream": "export, streamed", "memory": "mix in memory", "copy": "plain copy"}
    for way, label in ways.items():
        seconds = [export[way]["time"]["median"] for export in exports]
        peaks = [export[way]["peak_bytes"] / 2**20 for export in exports]
        time.plot(rows, seconds, marker="o", markersize=3, label=label)
        memory.plot(rows, peaks, marker="o", markersize=3, label=label)
    time.set(xscale="log", yscale="log", xlabel="samples", ylabel="seconds")
    memory.set(xscale="log", xlabel="samples", ylabel="memory at the peak, MiB", ylim=(0, None))
    counts = []
    for model in measured["steps"]:
        counts = [row["devices"] for row in model["by devices"]]
        ratios = [row["over one device"]["median"] for row in model["by devices"]]
        label = f"{model['model']}, batch {model['batch']}"
        steps.plot(counts, ratios, marker="o", markersize=3, label=label)
    steps.set(xlabel="simulated devices", ylabel="time of a step over one device's", ylim=(0, None))
    steps.set_xticks(counts)
    for axes in (time, memory, steps):
        axes.grid(alpha=0.25)
        axes.legend()


DRAWINGS: dict[str, Callable[[Figure, dict[str, Any]], None]] = {"scaling": draw_scaling}


if __name__ == "__main__":
    main()
