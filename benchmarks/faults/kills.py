"""Commands that are killed at any time (SIGKILL), and started again.

python -m benchmarks.faults.kills [--number 100] [--kinds protect_table verify_cache]

Each outcome is a line of ``kills.jsonl``: what the kill left, and whether the same command, started
again, came to what it comes to undisturbed.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

import tyro
from rich.console import Console

from benchmarks.faults import publication
from benchmarks.faults.killing import KINDS, Trial, killed
from benchmarks.faults.outcomes import add, read
from benchmarks.faults.resumable import Resumable
from benchmarks.faults.running import heed_permissions
from benchmarks.faults.trial import projects_in
from benchmarks.results import write


@dataclass(frozen=True)
class Config(Resumable):
    """What is killed."""

    number: int = 100
    """Kills of each kind."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """Commands that are killed."""


def main(config: Config) -> int:
    """Kill what was not killed yet, and count."""
    heed_permissions()
    console = Console()
    folder = config.folder()
    projects, path = projects_in(folder), folder / "kills.jsonl"
    done = {outcome.name for outcome in read(path)}
    usual: dict[str, float] = {}
    for i in range(config.number):
        for kind in config.kinds:
            name = f"kill/{config.seed}/{kind}/{i}"
            if name in done or config.is_over:
                continue
            if kind not in usual:
                usual[kind] = _usual(kind, projects, folder / kind)
            with tempfile.TemporaryDirectory(prefix="faults-") as place:
                share = Random(name).random()
                outcome = killed(name, projects, Path(place), share, usual[kind], folder / kind)
            add(path, outcome)
            console.print(
                f"{name}: {outcome.variant}: {outcome.violations}", markup=False, highlight=False
            )
    outcomes = [outcome for outcome in read(path) if outcome.kind in config.kinds]
    console.print(publication.kill_table(publication.kill_counts(outcomes)), markup=False)
    if config.json is not None:
        asked = {"number": config.number, "kinds": config.kinds, "seed": config.seed}
        measured = {"seconds": usual, "kinds": publication.kill_counts(outcomes)}
        write(config.json, "benchmarks.faults.kills", asked, measured)
        publication.publish()
    return 0


def _usual(kind: str, projects: Path, undisturbed: Path) -> float:
    """Seconds to the end, the less of two; and what is there then."""
    seconds = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="faults-") as place:
            trial = Trial(KINDS[kind], projects, Path(place))
            ran, _ = trial.run()
            assert ran.status == 0, ran
            seconds.append(ran.seconds)
            shutil.rmtree(undisturbed, ignore_errors=True)
            shutil.copytree(trial.folder, undisturbed)
    return min(seconds)


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Config, description=__doc__)))
