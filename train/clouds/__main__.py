"""Clouds that train to the end, clouds that stop early and clouds that cheat: who passes?

python -m train.clouds --dataset digits

tries each of them against each way to make the extra samples, and keeps what every test says of
the model that came back. A cloud that was tried is not tried again: the same command resumes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jaxverify.exit_status import exit_status, print_error
from train.memory import keep_freed_memory

_DATASETS = {"digits": "an hour", "imdb": "an hour or two", "cifar10": "some hours"}


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, run what is missing; returns the exit status, 2 if some is not."""
    parser = argparse.ArgumentParser(
        prog="python -m train.clouds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    takes = ", ".join(f"{name} takes {time}" for name, time in _DATASETS.items())
    add("--dataset", choices=_DATASETS, required=True, help=f"on two cores {takes}")
    add("--data", type=Path, help="a folder with one of Parquet files for each data set; or TFDS")
    add("--root", type=Path, default=Path("runs/clouds"), help="where the findings are kept")
    add("--publish", action="store_true", help="add what was found to results/ and docs/; run none")
    options = parser.parse_args(args)
    return exit_status(
        lambda: _run(options, Console()), goes_on="the same command goes on where it was"
    )


def _run(options: argparse.Namespace, console: Console) -> int:
    keep_freed_memory()
    if options.publish:
        from train.clouds.publication import PAGE, publish, redraw

        publish(options.root / options.dataset, options.dataset)
        redraw()
        console.print(f"page: {PAGE}", soft_wrap=True)
        return 0
    from train.clouds.matrix import work_off  # JAX starts here

    busy = work_off(options.dataset, options.data, options.root, console)
    if busy:
        print_error(f"{busy} constructions are in work by another process")
    return 2 if busy else 0


if __name__ == "__main__":
    raise SystemExit(main())
