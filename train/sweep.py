"""A study of several settings: its command line, and one file of results for each run."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxverify.exit_status import exit_status
from train.memory import keep_freed_memory


def command(
    study: str,
    doc: str | None,
    work: Callable[[argparse.Namespace], int],
    args: Sequence[str] | None,
    *,
    seeds: int | None = None,
) -> int:
    """Parse the command line and run what is missing; returns the exit status.

    Args:
        study: its package in ``train/`` and its folder in ``results/``.
        doc: its description.
        work: runs what is missing, from "data", "setting", "results" and, if there are any,
            "seeds" of the parsed options.
        args: the command line, or that of the process.
        seeds: how many runs each setting has by default; None, if it has one.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m train.{study}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, help="a folder with one for each data set; fetched without")
    if seeds is not None:
        add("--seeds", type=int, default=seeds, help="runs of each setting (%(default)s)")
    add("--setting", action="append", help="run this one alone; may be repeated")
    add("--results", type=Path, help=f"where runs are kept (results/{study})")
    options = parser.parse_args(args)
    keep_freed_memory()
    return exit_status(lambda: work(options), goes_on="run it again")


def write_run(
    path: Path, name: str, config: Mapping[str, Any], measured: Mapping[str, Any]
) -> None:
    """Write what a run measured, and where it comes from, as JSON."""
    from jaxverify.files.whole import write_whole
    from train.provenance import provenance  # JAX starts here

    content = {"name": name, "config": config, **provenance(), **measured}
    write_whole(path, (json.dumps(content) + "\n").encode())
