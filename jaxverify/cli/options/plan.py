"""The options of ``jaxverify plan``."""

import argparse
from pathlib import Path

from jaxverify.cli.options import family
from jaxverify.cli.options.command import add_command

_DOC = """\
Find the smallest extra task with which a converged model passes, or see what a given one can do.

  jaxverify plan --samples 50000 --classes 10
  jaxverify plan --samples 25000 --classes 2 --eta 0.008
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "plan", "find out how many extra samples you need", _DOC)
    add = parser.add_argument
    add("--samples", type=int, required=True, help="in your training set")
    add("--classes", type=int, required=True, help="of your labels")
    add("--share", type=float, default=0.1, help=_SHARE)
    add("--power", type=float, default=0.9, help="how surely such a model is to pass (%(default)s)")
    add("--alpha", type=float, default=0.01, help=_ALPHA)
    add("--epsilon", type=float, default=0.03, help=_EPSILON)
    add("--labels", choices=("iid", "balanced"), default="iid", help=_LABELS)
    add("--eta", type=float, help=_ETA)
    family.add_to(parser)
    add("--picture", type=Path, metavar="FILE.png", help="draw the power curve")
    add("--force", action="store_true", help="replace the picture if it is there")
    add("--json", action="store_true", help="print one JSON object instead of a page")


_SHARE = """\
the share of the extra task with which a model is to pass (%(default)s): a tenth is careful for
images; networks of text have known nearly all of it"""
_LABELS = """\
of the extra samples (%(default)s): jaxverify protect balances them, which calls for a few more"""
_ETA = "extra samples per training sample: show what that many can do"
_ALPHA = "how often a model that has not converged may pass (%(default)s)"
_EPSILON = "what such a model may know already, as a share (%(default)s)"
