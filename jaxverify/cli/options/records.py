"""The options of ``jaxverify show``, ``commit`` and ``audit``."""

import argparse
from pathlib import Path

from jaxverify.cli.options.later import later

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
    show = subparsers.add_parser("show", help="look at a record, without its secrets")
    show.add_argument("record", type=Path)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(do=later("records", "show"))
    form = argparse.RawDescriptionHelpFormatter
    commit = subparsers.add_parser(
        "commit", help="print what binds you to a record", description=_COMMIT, formatter_class=form
    )
    commit.add_argument("record", type=Path)
    commit.set_defaults(do=later("records", "commit"))
    audit = subparsers.add_parser(
        "audit",
        help="check a record against its commitment",
        description=_AUDIT,
        formatter_class=form,
    )
    audit.add_argument("record", type=Path)
    audit.add_argument("--commitment", required=True, help="64 hexadecimal digits, from commit")
    audit.set_defaults(do=later("records", "audit"))
