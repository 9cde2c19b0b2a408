"""The options of ``jaxverify show``, ``commit`` and ``audit``."""

import argparse
from pathlib import Path

from jaxverify.cli.options.command import add_command

_SHOW = "Print what a record says of its extra task, and its attempts so far, without its secrets."
_COMMIT = """\
Print a commitment to a record: a number that says nothing of its content, and fits no other.

Publish it, or send it to the cloud or a notary, before the model comes back. Later it proves that
the record was not made up to suit the model.
"""
_AUDIT = """\
Check that a record is the one whose commitment was published.

Exit status 0: it is. 1: it is not. 2: an error.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommands."""
    show = add_command(
        subparsers, "show", "look at a record, without its secrets", _SHOW, "records", "show"
    )
    show.add_argument("record", type=Path)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    commit = add_command(
        subparsers, "commit", "print what binds you to a record", _COMMIT, "records", "commit"
    )
    commit.add_argument("record", type=Path)
    audit = add_command(
        subparsers, "audit", "check a record against its commitment", _AUDIT, "records", "audit"
    )
    audit.add_argument("record", type=Path)
    audit.add_argument("--commitment", required=True, help="64 hexadecimal digits, from commit")
