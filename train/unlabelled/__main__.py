"""What the comparison of scores with held-out twins finds, measured.

python -m train.unlabelled autoencoders --data FOLDER

autoencoders: which pass that were trained to the end, stopped early, or cannot memorise. power: how
many extra samples each test needs, and how early it passes. calibration: how often each test passes
a model that it should not. Each goes on where it was stopped, but for the last.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jaxverify.exit_status import exit_status
from train.memory import keep_freed_memory

STUDIES = ("autoencoders", "power", "calibration")


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, run a study, print what was found; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m train.unlabelled",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("study", choices=STUDIES)
    add("--data", type=Path, help="a folder with one of Parquet files for each data set; or TFDS")
    add("--root", type=Path, default=Path("runs/unlabelled"), help="where the run folders lie")
    add("--trials", type=int, default=2_000, help="of calibration: models not trained, each kind")
    add("--fits", type=int, default=500, help="models stopped early, each kind")
    add("--honest", type=int, default=30, help="models trained to the end, each kind")
    add("--publish", action="store_true", help="write it to results/ and docs/unlabelled.md")
    options = parser.parse_args(args)
    return exit_status(lambda: _study(options, Console()))


def _study(options: argparse.Namespace, console: Console) -> int:
    keep_freed_memory()
    from train.unlabelled import publication  # JAX starts here

    if options.study == "calibration":
        from train.unlabelled.calibration import calibrate

        found = calibrate(options.trials, options.fits, options.honest, console)
    elif options.study == "power":
        from train.unlabelled.power import measure_all

        found = measure_all(options.root, options.data, console)
    else:
        from train.unlabelled.autoencoders import train_all

        found = train_all(options.root, options.data, console)
    console.print(publication.TABLES[options.study](found), highlight=False, soft_wrap=True)
    if options.publish:
        publication.publish(options.study, found)
        publication.redraw()
        console.print(f"page: {publication.PAGE}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
