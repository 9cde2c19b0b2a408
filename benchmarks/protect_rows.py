"""Protecting a Parquet file of short texts, against reading it and writing it again.

python -m benchmarks.protect_rows --json results/benchmarks/protect_rows.json

Both in turn, each time in a process of its own, with its start and without: what a protection
takes longer is a constant, JAX's start and its programs, and a share for every row.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import fresh_process
from benchmarks.measure import Timing
from benchmarks.results import Options, measure_each

_WAYS = ("plain", "protect")


@dataclass(frozen=True)
class Config(Options):
    """What is measured."""

    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """A small size, to see that everything works."""

    @property
    def rows(self) -> list[int]:
        """Sizes of the file."""
        return [20_000] if self.quick else [10**6]


def main() -> None:
    """Measure, show, and write where asked to."""
    config = tyro.cli(Config, prog="python -m benchmarks.protect_rows", description=__doc__)
    names = [str(rows) for rows in config.rows]
    found = measure_each(
        names, lambda name: measure(int(name), config.rounds), "benchmarks.protect_rows", config
    )
    Console().print(table(found))


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """Seconds with and without the start of the process, and peak memory, of both ways."""
    seconds: dict[tuple[str, str], list[float]] = {}
    peaks: dict[str, int] = dict.fromkeys(_WAYS, 0)
    with tempfile.TemporaryDirectory(prefix=".protect-", dir=".") as folder:
        source, out = Path(folder) / "source.parquet", Path(folder) / "out.parquet"
        _run("make", rows, source, out)
        for turn in track(range(rounds), f"{rows:,} rows", transient=True):
            for way in _WAYS if turn % 2 else reversed(_WAYS):
                run, whole = _run(way, rows, source, out)
                seconds.setdefault(("without start", way), []).append(run["seconds"])
                seconds.setdefault(("with start", way), []).append(whole)
                peaks[way] = max(peaks[way], run["peak_bytes"])
                for path in (out, out.with_suffix(".json")):
                    path.unlink(missing_ok=True)
        file_bytes = source.stat().st_size
    found: dict[str, Any] = {"rows": rows, "file_bytes": file_bytes, "peak_bytes": peaks}
    for what in ("without start", "with start"):
        times = {way: Timing(tuple(seconds[what, way])) for way in _WAYS}
        found[what] = {
            **{way: time.to_dict() for way, time in times.items()},
            "protect over plain": times["protect"].over(times["plain"]).to_dict(),
        }
    return found


def _run(way: str, rows: int, source: Path, out: Path) -> tuple[dict[str, Any], float]:
    arguments = ["-m", "benchmarks.protect_run", way, str(rows), str(source), str(out)]
    ended = fresh_process.run(arguments)
    return json.loads(ended.output.splitlines()[-1]), ended.seconds


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """Least and middle time of both, and the ratio."""
    shown = Table(title="protect over reading and writing")
    for column in ("rows", "", "plain, s", "protect, s", "ratio", "ratio of the least"):
        shown.add_column(column, justify="right")
    for one in measured.values():
        for what in ("without start", "with start"):
            times = one[what]
            ratio = times["protect over plain"]
            shown.add_row(
                f"{one['rows']:,}",
                what,
                *(f"{times[way]['min']:.2f} .. {times[way]['median']:.2f}" for way in _WAYS),
                f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})",
                f"{times['protect']['min'] / times['plain']['min']:.2f}",
            )
    return shown


if __name__ == "__main__":
    main()
