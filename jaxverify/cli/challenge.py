"""``jaxverify challenge``: write the questions for a model that answers elsewhere."""

import argparse
from pathlib import Path

from rich.console import Console

from jaxverify.cli import own_samples
from jaxverify.cli.shards import shard
from jaxverify.record import load
from jaxverify.shards import WHOLE

_DOC = """\
Write the questions for the model: the extra samples, in an order that tells nothing, each with an
id. Get a prediction for each, by whatever means the cloud offers, and give them to verify.

  jaxverify challenge record.json --out questions.csv
"""
_DECOYS = """\
a data set of real samples, in a format that protect reads, to be asked among them: who sees the
questions should not know which are extra; as many as there are extra ones, if it has so many"""
_TWINS = """\
ask held-out twins too, samples like the extra ones that nobody was given; give the same to
verify"""
_SHARD = "the questions of the Jth of K attempts alone; give the same to verify"
_OUT = "a file that ends in .csv, .jsonl, .parquet or .npz; or, of images, a folder"


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "challenge",
        help="write the questions for the model",
        description=_DOC,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("record", type=Path)
    add("--out", type=Path, required=True, help=_OUT)
    add("--shard", type=shard, default=WHOLE, metavar="J/K", help=_SHARD)
    add("--twins", action="store_true", help=_TWINS)
    own_samples.add_to(parser)
    add("--decoys", type=Path, metavar="DATA", help=_DECOYS)
    parser.set_defaults(do=_run)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from jaxverify.challenge import ID, asked_indices, questions, write_questions
    from jaxverify.challenge.real_samples import read_decoys

    record = load(options.record)
    own, decoys = own_samples.read(options, record), None
    if options.decoys is not None:
        rng = np.random.default_rng()  # of the operating system: nobody need draw them again
        number = len(asked_indices(record, options.shard))
        decoys = read_decoys(options.decoys, record, number, rng)
    asked = questions(record, options.shard, with_twins=options.twins, own=own, decoys=decoys)
    write_questions(asked, record.rendering, options.out)
    Console().print(f"{len(asked[ID]):,} questions: {options.out}", soft_wrap=True)
    return 0
