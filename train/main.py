"""The command line that the training scripts share."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from jaxverify.errors import UserError
from jaxverify.exit_status import exit_status
from train.config import Config, load_config
from train.memory import keep_freed_memory
from train.supervisor import supervise


def main(
    datasets: Sequence[str], models: Sequence[str], doc: str, args: Sequence[str] | None = None
) -> int:
    """Read the command line, train, and return the exit status.

    Args:
        datasets: that the script serves; the first is the default.
        models: that the script can train; the first is the default.
        doc: the script's docstring, shown by ``--help``.
        args: the command line; without it, that of the process.

    Returns:
        int: 0 when the run is complete, whatever its verdict; otherwise as
        :func:`jaxverify.exit_status.exit_status` and, of a distributed run,
        :func:`train.supervisor.supervise` say.
    """

    def work() -> int:
        config = parse(datasets, models, doc, sys.argv[1:] if args is None else args)
        if config.distributed:
            return supervise(config)
        keep_freed_memory()
        from train.loop import train  # JAX starts here; --help need not wait for it

        train(config, Console())
        return 0

    return exit_status(work)


def parse(datasets: Sequence[str], models: Sequence[str], doc: str, args: Sequence[str]) -> Config:
    """The configuration of a cell, with what the command line overrides.

    ``--dataset``, ``--model`` and ``--local`` choose the recipe, so they are read first.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--dataset", default=datasets[0])
    first.add_argument("--model", default=models[0])
    first.add_argument("--local", action="store_true")
    cell, _ = first.parse_known_args(args)
    _check_choice("dataset", cell.dataset, datasets)
    _check_choice("model", cell.model, models)
    default = load_config(cell.dataset, cell.model, budget="local" if cell.local else "paper")
    rest = [argument for argument in args if argument != "--local"]
    text = f"{doc}\n--local makes the run about a minute long, to see that everything works."
    prog = f"python -m train.{Path(sys.argv[0]).stem}"
    return tyro.cli(Config, prog=prog, default=default, args=rest, description=text)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        close = difflib.get_close_matches(value, choices, n=1, cutoff=0)
        raise UserError(
            f"{name} is {value!r}; did you mean {close[0]!r}? Known are {', '.join(choices)}"
        )
