"""``jaxverify show``, ``commit`` and ``audit``: what to do with a record besides verifying."""

import argparse
import json
import re

from rich.table import Table

from jaxverify.errors import UserError
from jaxverify.files.standard import STANDARD
from jaxverify.record import ledger
from jaxverify.record.record import Record, is_private, load
from jaxverify.report.json_head import head
from jaxverify.screen import Screen
from jaxverify.verification.cautions import cautions


def show(options: argparse.Namespace) -> int:
    """Print a record without its secrets, its attempts, and what speaks against it."""
    record = load(options.record)
    if options.json:
        said = {**head("record"), **record.without_secrets(), "commitment": record.commitment()}
        print(json.dumps(said, indent=2, allow_nan=False))
        return 0
    console = Screen(quiet=options.quiet)
    console.print(_page(record))
    for each in ledger.read(ledger.Places.of(options.record, record.commitment())):
        console.say(f"{each.time}  shard {each.shard}  {each.outcome}  {each.model}")
    for sentence in cautions(record.judged_task, record.alpha, record.epsilon):
        console.caution(sentence)
    if options.record != STANDARD and not is_private(options.record):
        console.caution(
            f"others can read {options.record}, and with it the extra samples: chmod 600"
        )
    return 0


def commit(options: argparse.Namespace) -> int:
    """Print the commitment."""
    print(load(options.record).commitment())
    return 0


def audit(options: argparse.Namespace) -> int:
    """Compare the commitment with one that was published."""
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
        "times in the upload": ", ".join(map(str, record.doses.levels)),
        "alpha, epsilon": f"{record.alpha:g}, {record.epsilon:g}",
        "made": record.created,
        "with": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        "fingerprint of the samples": record.fingerprint,
        "commitment": record.commitment(),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
