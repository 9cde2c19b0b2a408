"""The options with which some of the customer's own training samples are asked too."""

import argparse
import math
from pathlib import Path

_OWN = """\
the data set that you gave to protect: ask about as many of its samples as there are extra ones,
since a model that learned the extra samples alone does not know these; give the same to challenge
and verify"""
_LABEL = "the column of its labels, if not one of the usual names"


def add_to(parser: "argparse._ActionsContainer") -> None:
    """Add the options."""
    parser.add_argument("--own", type=Path, metavar="DATA", help=_OWN)
    parser.add_argument("--own-label", metavar="COLUMN", help=_LABEL)


def share(text: str) -> float:
    """What ``--own-accuracy`` was given.

    >>> share("0.97")
    0.97
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value
