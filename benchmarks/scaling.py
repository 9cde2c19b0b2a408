"""Scale: mixing and export from ten thousand to ten million samples; steps over 1 to 8 devices.

python -m benchmarks.scaling --json results/benchmarks/scaling.json

Each number comes from a process of its own, so that the memory at the peak is that of one way and
one size. The devices are simulated on the cores that there are: at a fixed batch their time shows
what dividing the work costs, and no gain beyond the number of cores can be expected.
"""

import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import fresh_process
from benchmarks.export_run import FEATURES
from benchmarks.measure import Timing
from benchmarks.results import Options, write


@dataclass(frozen=True)
class Config(Options):
    """What is measured."""

    rounds: int = 3
    """How many times each candidate is timed."""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Small sizes, to see that everything works."""

    @property
    def rows(self) -> list[int]:
        """Sizes of the data set that is exported."""
        return [10_000] if self.quick else [10**4, 10**5, 10**6, 10**7]

    @property
    def models(self) -> dict[str, tuple[int, int]]:
        """The global batch and the steps that are timed, by model."""
        if self.quick:
            return {"digits_cnn": (64, 3)}
        return {"textcnn": (64, 20), "resnet34": (64, 8)}

    @property
    def devices(self) -> list[int]:
        """Numbers of simulated devices."""
        return [1, 2] if self.quick else [1, 2, 4, 8]


def main() -> None:
    """Measure, show, and write where asked to."""
    config = tyro.cli(Config, prog="python -m benchmarks.scaling", description=__doc__)
    console = Console()
    exports = measure_export(config)
    console.print(export_table(exports))
    steps = measure_steps(config)
    console.print(steps_table(steps))
    if config.json is not None:
        options = {k: v for k, v in asdict(config).items() if k != "json"}
        measured = {"features": FEATURES, "export": exports, "steps": steps}
        write(config.json, "benchmarks.scaling", options, measured)


def measure_export(config: Config) -> list[dict[str, Any]]:
    """For each size: seconds and peak memory of export, of mix in memory and of a plain copy."""
    return [
        _measure_size(rows, config.rounds) for rows in track(config.rows, "export", transient=True)
    ]


def _measure_size(rows: int, rounds: int) -> dict[str, Any]:
    ways = ["copy", "stream", "memory"]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    peaks: dict[str, int] = dict.fromkeys(ways, 0)
    found: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory(prefix=".scaling-", dir=".") as folder:
        source, out = Path(folder) / "source.parquet", Path(folder) / "out.parquet"
        fresh_process.measure("benchmarks.export_run", "make", rows, source, source)
        for turn in range(rounds):
            start = turn % len(ways)
            for way in ways[start:] + ways[:start]:
                run = fresh_process.measure("benchmarks.export_run", way, rows, source, out)
                out.unlink()
                seconds[way].append(run["seconds"])
                peaks[way] = max(peaks[way], run["peak_bytes"])
                found |= {"file_bytes": run["file_bytes"], "idle_bytes": run["idle_bytes"]}
    timings = {way: Timing(tuple(values)) for way, values in seconds.items()}
    for way in ways:
        found[way] = {"time": timings[way].to_dict(), "peak_bytes": peaks[way]}
    found["stream over copy"] = timings["stream"].over(timings["copy"]).to_dict()
    found["stream over memory"] = timings["stream"].over(timings["memory"]).to_dict()
    return found


def measure_steps(config: Config) -> list[dict[str, Any]]:
    """For each model: seconds of a training step by number of devices."""
    found = []
    for model, (batch, steps) in config.models.items():
        seconds: dict[int, list[float]] = {count: [] for count in config.devices}
        for _ in track(range(config.rounds), model, transient=True):
            for count in config.devices:
                run = fresh_process.measure("benchmarks.devices_run", model, count, batch, steps)
                seconds[count].append(run["seconds"])
        timings = {count: Timing(tuple(values)) for count, values in seconds.items()}
        rows = [
            {
                "devices": count,
                "time": timing.to_dict(),
                "over one device": timing.over(timings[config.devices[0]]).to_dict(),
            }
            for count, timing in timings.items()
        ]
        found.append({"model": model, "batch": batch, "by devices": rows})
    return found


def export_table(exports: list[dict[str, Any]]) -> Table:
    """Export by size, with the ratios."""
    table = Table(title=f"Mixing and export of vectors, {FEATURES} float32 each")
    for column in ("rows", "seconds", "rows/s", "MB/s", "peak MiB", "over a plain copy"):
        table.add_column(column, justify="right")
    table.add_column("mix in memory: peak MiB", justify="right")
    table.add_column("plain copy: peak MiB", justify="right")
    for row in exports:
        seconds = row["stream"]["time"]["median"]
        table.add_row(
            f"{row['rows']:,}",
            f"{seconds:.2f}",
            f"{row['rows'] / seconds:,.0f}",
            f"{row['file_bytes'] / seconds / 1e6:.1f}",
            f"{row['stream']['peak_bytes'] / 2**20:.0f}",
            f"{row['stream over copy']['median']:.2f}",
            f"{row['memory']['peak_bytes'] / 2**20:.0f}",
            f"{row['copy']['peak_bytes'] / 2**20:.0f}",
        )
    return table


def steps_table(steps: list[dict[str, Any]]) -> Table:
    """Time of a step by number of devices."""
    table = Table(title="A training step at a fixed global batch, devices simulated on one machine")
    for column in ("model", "batch", "devices", "ms a step", "over one device"):
        table.add_column(column, justify="right")
    for model in steps:
        for row in model["by devices"]:
            ratio = statistics.median(row["over one device"]["values"])
            milliseconds = f"{row['time']['median'] * 1e3:.1f}"
            table.add_row(
                model["model"],
                str(model["batch"]),
                str(row["devices"]),
                milliseconds,
                f"{ratio:.2f}",
            )
    return table


if __name__ == "__main__":
    main()
