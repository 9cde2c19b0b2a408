"""The options of ``jaxverify calibrate``."""

import argparse
from pathlib import Path

from jaxverify.cli.options.command import add_command

_DOC = """\
Find out at home which dose of the extra samples tells that training went to the end, and how much
a model knows that was cut short. Protect a part of your data with several doses, train models like
the cloud's on it, to the end and cut short, and let each answer the questions of challenge.

  jaxverify protect part.csv --out home.csv --record home.json --doses 0,1,4,16
  jaxverify challenge home.json --out questions.csv
  jaxverify calibrate home.json --finished a.csv b.csv --cut c.csv d.csv --out plan.json
  jaxverify protect data.csv --out upload.csv --record record.json --plan plan.json

Cut models short where a model should no longer pass. The plan is as good as they are like those of
the cloud: in the network, the recipe and the data.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "calibrate", "plan by models that you trained at home", _DOC)
    add = parser.add_argument
    add("record", type=Path, help="of the data that these models were trained on, with doses")
    files = {"type": Path, "nargs": "+", "metavar": "FILE", "required": True}
    add("--finished", help="answers of models that were trained to the end", **files)
    add("--cut", help="answers of models that were cut short", **files)
    add("--answers", choices=("names", "indices", "from-1"), help="as verify takes it")
    add("--max-share", type=float, default=0.01, help=_MAX_SHARE)
    add("--out", type=Path, required=True, help="the plan; there must be nothing yet")


_MAX_SHARE = "the share of the upload that may be extra rows, copies counted (%(default)s)"
