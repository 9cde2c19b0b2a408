"""The options of ``jaxverify challenge``."""

import argparse
from pathlib import Path

from jaxverify.cli.options import own_samples
from jaxverify.cli.options.command import add_command
from jaxverify.cli.options.shards import shard
from jaxverify.record.shard import WHOLE

_DOC = """\
Write the questions for the model: the extra samples, in an order that tells nothing, each with an
id. Get a prediction for each, by whatever means the cloud offers, and give them to verify.

  jaxverify challenge record.json --out questions.csv
"""
_DECOYS = """\
a data set of real samples, in a format that protect reads; mix as many of them into the questions
as there are extra samples (or all, if fewer), so that nobody can tell from the questions which
samples are extra"""
_TWINS = """\
ask held-out twins too, samples like the extra ones that nobody was given; give the same to
verify"""
_SHARD = "the questions of the Jth of K attempts alone; give the same to verify"
_OUT = "a file ending in .csv, .jsonl, .parquet or .npz, or a folder for images"


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "challenge", "write the questions for the model", _DOC)
    add = parser.add_argument
    add("record", type=Path)
    add("--out", type=Path, required=True, help=_OUT)
    add("--shard", type=shard, default=WHOLE, metavar="J/K", help=_SHARD)
    add("--twins", action="store_true", help=_TWINS)
    own_samples.add_to(parser)
    add("--decoys", type=Path, metavar="DATA", help=_DECOYS)
