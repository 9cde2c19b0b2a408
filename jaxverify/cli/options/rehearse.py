"""The options of ``jaxverify rehearse``."""

import argparse
from pathlib import Path

from jaxverify.cli.options.command import add_command
from jaxverify.cli.options.lists import numbers
from jaxverify.cli.options.protect import GENERATORS
from jaxverify.task.options import PROTECTING

_DOC = """\
Train at home, by your own program, on a part of your data that is protected in several doses, and
plan by what its models know at each quality: which dose tells the end of training, how many extra
samples there must be, and the epsilon of the verification.

  jaxverify rehearse part.csv --out plan.json \\
      --trainer "python mine.py {data} {questions} {out} {seed}"

The program gets the protected data, the questions (as challenge writes them) and an empty folder.
There it leaves, for each checkpoint, its answers as a file that verify reads, such as 3.csv, and
in the end quality.json, an object of a number for each checkpoint in the order of training, the
larger the better: {"1": 0.52, "2": 0.71, "3": 0.83}. The last one is the finished model. What is
done already is not done again.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = add_command(subparsers, "rehearse", "plan by training at home", _DOC)
    add = parser.add_argument
    add("data", type=Path, metavar="DATA", help="a part of your data, as protect reads it")
    add("--out", type=Path, required=True, help="the plan; there must be nothing yet")
    add("--trainer", required=True, metavar="COMMAND", help="your program, as above")
    add("--label", help="the column of the labels, if its name does not say so")
    add("--kind", choices=("image", "text", "vector"), help="what the model reads; guessed without")
    add("--features", metavar="COLUMN,...", help="the columns that it reads; guessed without")
    add("--work", type=Path, default=Path("rehearsal"), help="where all is kept (%(default)s)")
    add("--seeds", type=int, default=3, help="how often it is trained (%(default)s)")
    add("--wanted", type=float, default=0.95, help=_WANTED)
    add("--doses", type=numbers(int, "0,1,4"), default=(0, 1, 4, 16), metavar="M,...", help=_DOSES)
    add("--generator", choices=GENERATORS, help="of the extra samples, as protect takes it")
    add("--eta", type=float, default=0.08, help="extra samples per sample (%(default)s)")
    add("--fixed-ratio", type=float, default=PROTECTING.fixed_ratio, help="as protect takes it")
    add("--answers", choices=("names", "indices", "from-1"), help="as verify takes it")


_WANTED = "the share of the best quality from which on a model may pass (%(default)s)"
_DOSES = "how often extra samples stand in the data; 0, a control, is one (0,1,4,16)"
