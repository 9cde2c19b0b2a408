"""The options of ``jaxverify verify``."""

import argparse
from pathlib import Path

from jaxverify.cli.options import own_samples, sources
from jaxverify.cli.options.command import add_command
from jaxverify.cli.options.shards import shard
from jaxverify.record.shard import WHOLE

_DOC = """\
Was the model trained to the end? Asks it the questions of the extra task, or reads the answers that
it gave to what challenge wrote, and judges them.

  jaxverify verify record.json --predictions answers.csv
  jaxverify verify record.json --url https://.../v1/models/mine:predict --cache answers.jsonl

Exit status 0: it passed. 1: it was judged, and did not. 2: an error. 130: it was interrupted.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "verify", "ask the model, and judge its answers", _DOC)
    parser.add_argument("record", type=Path)
    sources.add_to(parser)
    asking = parser.add_argument_group("asking")
    add = asking.add_argument
    add("--batch-size", type=int, default=32, help="questions at once (%(default)s)")
    add("--budget", type=int, help="how many questions may be asked")
    add("--cache", type=Path, metavar="FILE.jsonl", help=_CACHE)
    add("--shard", type=shard, default=WHOLE, metavar="J/K", help=_SHARD)
    judging = parser.add_argument_group("the verdict")
    add = judging.add_argument
    add("--twins", action="store_true", help=_TWINS)
    own_samples.add_to(judging)
    add("--own-accuracy", type=own_samples.share, metavar="SHARE", help=_OWN_ACCURACY)
    add("--test", choices=_TESTS, default="binomial", help=_TEST)
    add("--json", action="store_true", help="print one JSON object instead of a page")
    add("--no-ledger", action="store_true", help=_NO_LEDGER)
    add("--html", type=Path, metavar="FILE.html", help=_HTML)
    add("--in-toto", type=Path, metavar="FILE.json", help=_IN_TOTO)
    add("--model", type=Path, metavar="FILE", help=_MODEL)
    add("--force", action="store_true", help="replace the page and the statement if they are there")


_TESTS = ("binomial", "permutation", "sequential")
_CACHE = "keep the answers here, and go on with them after a failure"
_SHARD = "the Jth of K attempts: another part of the questions, and alpha/K, for each"
_HTML = "write a page to be shown to others, or - : one file, which needs no network"
_NO_LEDGER = """\
judge without writing down that it was done, where nothing can be written; the verdict says so, as
then nobody knows whether it is the first"""
_TWINS = """\
ask held-out twins too, samples like the extra ones that nobody was given: twice as many questions,
and a comparison that needs no number of classes"""
_OWN_ACCURACY = """\
the share of its own training samples that an honest model answers rightly at least: train three or
more at home on parts of the data, and take jaxverify.stats.own_accuracy_bound of their counts,
which allows for the spread between them"""
_IN_TOTO = "write a statement for pipelines: in-toto, type test-result, not signed"
_MODEL = """\
with --in-toto: the file of the model whose answers these are, which the statement is about; without
it, it is about the file of --onnx or --torch, or that of --predictions, and says so"""
_TEST = """\
binomial: the paper's. permutation: assumes nothing of how a model guesses. sequential: asks no
further as soon as the answers are clear (%(default)s)"""
