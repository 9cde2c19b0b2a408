"""Theorem 1 in the laboratory: train a network, and measure its gradients all along.

python -m train.theorem --config imdb/textcnn --data FOLDER

trains, or goes on with, the run of a cell with every checkpoint kept, then measures each of them;
``--run FOLDER`` measures a run that is there. Pictures, each with its numbers beside it as JSON,
lie in the run folder under ``theorem/``. The same command goes on where it was stopped.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jaxverify.errors import UserError
from jaxverify.exit_status import exit_status
from train.config import Config, load_config
from train.memory import keep_freed_memory

_NAMES = "such as cifar10/resnet34: train this cell, keeping every checkpoint"
_BUDGETS = "paper: the whole recipe. cpu: one for two cores and hours. local: about a minute"


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, train and measure; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m train.theorem",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--config", metavar="DATASET/MODEL", help=_NAMES)
    which.add_argument("--run", type=Path, help="the folder of a run, to be measured only")
    add("--budget", choices=("paper", "cpu", "local"), default="cpu", help=_BUDGETS)
    add("--every", type=float, help="measure this often, in epochs; otherwise as the cell says")
    add("--seed", type=int, default=0)
    add("--data", type=Path, help="a folder with train.parquet and test.parquet; or TFDS")
    add("--workdir", type=Path, help="the run folder; otherwise under runs/theorem")
    add("--clean-samples", type=int, default=2000, help="of the original task, drawn at random")
    add("--publish", action="store_true", help="add what was found to results/ and docs/")
    options = parser.parse_args(args)
    return exit_status(
        lambda: _measure(options, Console()), goes_on="the same command goes on where it was"
    )


def _measure(options: argparse.Namespace, console: Console) -> int:
    if options.clean_samples < 25:
        raise UserError(f"clean-samples is {options.clean_samples}; there are 25 chunks of them")
    config = None if options.config is None else _config(options)
    run = options.run if config is None else config.run_folder
    keep_freed_memory()
    from train.loop import train
    from train.theorem.drawing import draw  # JAX starts here
    from train.theorem.replay import replay

    if config is not None and not (run / "result.json").exists():
        train(config, console)
    rows = replay(run, options.data, options.clean_samples, console)
    for path in draw(run, rows):
        console.print(f"picture: {path}", soft_wrap=True)
    if options.publish:
        from train.theorem.publication import PAGE, publish, redraw

        publish(run, rows)
        redraw()
        console.print(f"page: {PAGE}", soft_wrap=True)
    return 0


def _config(options: argparse.Namespace) -> Config:
    dataset, _, model = options.config.partition("/")
    try:
        config = load_config(dataset, model, budget=options.budget)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(f"there is no {options.budget} config {options.config!r}") from error
    name = f"{dataset}-{model}-{options.budget}-s{options.seed}"
    return replace(
        config,
        extra=True,
        seed=options.seed,
        data=options.data,
        workdir=options.workdir or Path("runs/theorem") / name,
        eval_every=options.every or config.eval_every,
        keep_checkpoints="all",
        resume=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
