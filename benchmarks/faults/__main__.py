"""Faults injected into the command line, each once, and what it makes of them.

python -m benchmarks.faults [--in-process 9500] [--processes 500] [--kinds outputs damaged]

Each outcome is a line of ``outcomes.jsonl`` in the folder of the code's revision under runs/faults;
what is there is not run again. With --json the counts are written for docs/faults.md, which is
drawn anew.
"""

import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from rich.console import Console

from benchmarks.faults import publication
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.outcomes import Outcome, add, read
from benchmarks.faults.resumable import Resumable
from benchmarks.faults.running import Worker, heed_permissions
from benchmarks.faults.trial import projects_in, scenarios, tried
from benchmarks.results import write


@dataclass(frozen=True)
class Config(Resumable):
    """What is run."""

    in_process: int = 9_500
    """Scenarios in a process that stays."""
    processes: int = 500
    """Scenarios in a process of their own."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """Of faults."""


def main(config: Config) -> int:
    """Run what is missing, and count."""
    heed_permissions()
    console = Console()
    folder = config.folder()
    projects, path = projects_in(folder), folder / "outcomes.jsonl"
    done = {outcome.name for outcome in read(path)}
    worker, beside = (Worker(folder / f"compiled-{i}") for i in range(2))
    try:
        for own, number in ((True, config.processes), (False, config.in_process)):
            for name, scenario in scenarios(config.kinds, config.seed, number, own=own):
                if name in done or config.is_over:
                    continue
                place = Path(tempfile.mkdtemp(prefix="faults-"))
                try:
                    outcome = tried(
                        scenario, projects, place, None if own else (worker, beside), name
                    )
                finally:
                    _remove(place)
                add(path, outcome)
                if outcome.violations:
                    _show(console, outcome)
    finally:
        worker.close()
        beside.close()
    outcomes = [outcome for outcome in read(path) if outcome.kind in config.kinds]
    console.print(publication.table(publication.counts(outcomes)), markup=False, highlight=False)
    if config.json is not None:
        asked = {
            key: value
            for key, value in asdict(config).items()
            if key not in ("json", "runs", "started")
        }
        seconds = sum(outcome.seconds for outcome in outcomes)
        measured = {"seconds": round(seconds), "kinds": publication.counts(outcomes)}
        write(config.json, "benchmarks.faults", asked, measured)
        publication.publish()
    return 0


def _remove(place: Path) -> None:
    for folder in (place, *place.rglob("*")):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)


def _show(console: Console, outcome: Outcome) -> None:
    console.print(
        f"{outcome.name}: {outcome.variant}: {outcome.violations[0]}",
        *(),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Config, description=__doc__)))
