"""``jaxverify show``, ``commit`` and ``audit``: what to do with a record besides verifying."""

import argparse
import json
import re
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jaxverify import ledger
from jaxverify.caution import cautions
from jaxverify.errors import UserError
from jaxverify.record import Record, is_private, load

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
    show.set_defaults(do=_show)
    form = argparse.RawDescriptionHelpFormatter
    commit = subparsers.add_parser(
        "commit", help="print what binds you to a record", description=_COMMIT, formatter_class=form
    )
    commit.add_argument("record", type=Path)
    commit.set_defaults(do=_commit)
    audit = subparsers.add_parser(
        "audit",
        help="check a record against its commitment",
        description=_AUDIT,
        formatter_class=form,
    )
    audit.add_argument("record", type=Path)
    audit.add_argument("--commitment", required=True, help="64 hexadecimal digits, from commit")
    audit.set_defaults(do=_audit)


def _show(options: argparse.Namespace) -> int:
    record = load(options.record)
    if options.json:
        print(json.dumps(record.without_secrets(), indent=2, allow_nan=False))
        return 0
    console = Console()
    console.print(_page(record))
    attempts = ledger.read(ledger.ledger_path(options.record))
    for each in attempts:
        console.print(
            f"{each.time}  shard {each.shard}  {each.outcome}  {each.model}", markup=False
        )
    for sentence in cautions(record.task, record.alpha, record.epsilon):
        console.print(f"Caution: {sentence}", style="yellow", highlight=False)
    if not is_private(options.record):
        console.print(
            f"Caution: others can read {options.record}; who has it knows the extra samples: "
            "chmod 600",
            style="yellow",
            highlight=False,
        )
    return 0


def _commit(options: argparse.Namespace) -> int:
    print(load(options.record).commitment())
    return 0


def _audit(options: argparse.Namespace) -> int:
    given = options.commitment.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", given):
        raise UserError(f"the commitment is {options.commitment!r}; it has 64 hexadecimal digits")
    fits = load(options.record).commitment() == given
    print("the record is the one committed to" if fits else "this is NOT the record committed to")
    return 0 if fits else 1


def _page(record: Record) -> Table:
    task = record.task
    table = Table(title="Record of an extra task", show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows = {
        "kind": task.kind,
        "shape of a sample": " x ".join(map(str, task.shape)),
        "extra samples N": f"{task.num_samples:,}",
        "fixed ratio s": f"{task.fixed_ratio:g}",
        "labels": f"{task.labels}, of {', '.join(record.class_names[:20])}"
        + (f" and {task.num_classes - 20} more" if task.num_classes > 20 else ""),
        "drawn by": task.generator,
        "placement, fixed regions": f"{task.placement}, {task.num_fixed}",
        "alpha, epsilon": f"{record.alpha:g}, {record.epsilon:g}",
        "made": record.created,
        "with": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        "fingerprint of the samples": record.fingerprint,
        "commitment": record.commitment(),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
