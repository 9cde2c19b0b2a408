"""What a command and an import cost before they do anything.

python -m benchmarks.start --json results/benchmarks/start.json

Each in a process of its own, in turn, with Python's own start: CPU time, which a busy machine and a
cold disk affect less, and the time that passed.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import fresh_process
from benchmarks.measure import Timing
from benchmarks.results import Options, measure_each

SUBCOMMANDS = (
    "plan",
    "protect",
    "challenge",
    "verify",
    "rehearse",
    "calibrate",
    "show",
    "commit",
    "audit",
)
_COMMAND = ["-c", "import sys; from jaxverify.cli import main; sys.exit(main())"]
_STARTS = {
    "python": ["-c", "pass"],
    "import numpy": ["-c", "import numpy"],
    "import jax": ["-c", "import jax"],
    "import jaxverify": ["-c", "import jaxverify"],
    "import jax; from jaxverify import *": ["-c", "import jax; from jaxverify import *"],
    "jaxverify --help": [*_COMMAND, "--help"],
    **{f"jaxverify {name} --help": [*_COMMAND, name, "--help"] for name in SUBCOMMANDS},
    "train.cifar --help": ["-m", "train.cifar", "--help"],
}


@dataclass(frozen=True)
class Config(Options):
    """What is measured."""

    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """The command, two imports and one subcommand alone, to see that everything works."""

    @property
    def starts(self) -> list[str]:
        """What is started."""
        few = ["python", "import jax", "import jaxverify", "jaxverify --help"]
        return [*few, "jaxverify verify --help"] if self.quick else list(_STARTS)


def main() -> None:
    """Measure, show, and write where asked to."""
    config = tyro.cli(Config, prog="python -m benchmarks.start", description=__doc__)
    (found,) = measure_each(
        ["start"], lambda _: measure(config.starts, config.rounds), "benchmarks.start", config
    ).values()
    Console().print(table(found))


def measure(names: list[str], rounds: int) -> dict[str, Any]:
    """Seconds of each start, and what else ``import jaxverify`` loads."""
    processor: dict[str, list[float]] = {name: [] for name in names}
    passed: dict[str, list[float]] = {name: [] for name in names}
    for turn in track(range(rounds + 1), "starting", transient=True):
        for name in names:
            process = fresh_process.run(_STARTS[name])
            if turn:  # the first reads from the disk, and compiles to bytecode
                processor[name].append(process.processor_seconds)
                passed[name].append(process.seconds)
    timings = {name: Timing(tuple(values)) for name, values in processor.items()}
    return {
        "processor": {name: timing.to_dict() for name, timing in timings.items()},
        "passed": {name: Timing(tuple(values)).to_dict() for name, values in passed.items()},
        "jaxverify over jax": timings["import jaxverify"].over(timings["import jax"]).to_dict(),
        "packages": _packages(),
    }


def _packages() -> list[str]:
    """The top-level packages that ``import jaxverify`` loads, besides Python's own start."""
    code = "import sys{}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    with_it, without = (
        set(fresh_process.run(["-c", code.format(more)]).output.split())
        for more in (", jaxverify", "")
    )
    return sorted(with_it - without)


def table(measured: dict[str, Any]) -> Table:
    """What was measured, for the terminal."""
    table = Table(title="From start to end of a process, seconds")
    table.add_column("")
    for head in ("CPU", "elapsed"):
        table.add_column(head, justify="right")
    for name, timing in measured["processor"].items():
        table.add_row(name, f"{timing['median']:.2f}", f"{measured['passed'][name]['median']:.2f}")
    return table


if __name__ == "__main__":
    main()
