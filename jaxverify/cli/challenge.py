"""``jaxverify challenge``: write the questions for a model that answers elsewhere."""

import argparse
from pathlib import Path

from rich.console import Console

from jaxverify.cli.shards import shard
from jaxverify.record import load
from jaxverify.shards import WHOLE

_DOC = """\
Write the questions for the model: the extra samples, in an order that tells nothing, each with an
id. Get a prediction for each, by whatever means the cloud offers, and give them to verify.

  jaxverify challenge record.json --out questions.csv
"""
_SHARD = "the questions of the Jth of K attempts alone; give the same to verify"
_OUT = "a file that ends in .csv, .jsonl or .parquet; or, of images, a folder"


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "challenge",
        help="write the questions for the model",
        description=_DOC,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", type=Path)
    parser.add_argument("--out", type=Path, required=True, help=_OUT)
    parser.add_argument(
        "--shard", type=shard, default=WHOLE, metavar="J/K", help="write a part of them alone"
    )
    parser.set_defaults(do=_run)


def _run(options: argparse.Namespace) -> int:
    from jaxverify.challenge import ID, questions, write_questions

    record = load(options.record)
    asked = questions(record, options.shard)
    write_questions(asked, record.rendering, options.out)
    Console().print(f"{len(asked[ID]):,} questions: {options.out}", soft_wrap=True)
    return 0
