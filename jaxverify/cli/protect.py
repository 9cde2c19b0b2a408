"""``jaxverify protect``: mix an extra task into a data set."""

import argparse
import sys
from dataclasses import fields

from jaxverify.errors import UserError
from jaxverify.protect import protect
from jaxverify.protect.basis import basis
from jaxverify.protect.survey import listed
from jaxverify.record.calibration import Calibration, load_calibration
from jaxverify.screen import Screen, progress_bar
from jaxverify.task.doses import ONCE, Doses
from jaxverify.task.options import PROTECTING, TaskOptions
from jaxverify.verification.families import worth


def run(options: argparse.Namespace) -> int:
    """Protect, and say what was done."""
    console, plan = Screen(quiet=options.quiet), _plan(options)
    with progress_bar(quiet=options.quiet) as progress:
        bar = progress.add_task("writing", total=None)
        done = protect(
            options.data,
            options.out,
            options.record,
            _task_options(options),
            label=options.label,
            kind=options.kind,
            features=feature_columns(options),
            doses=Doses(options.doses),
            plan=plan,
            family=options.family,
            force=options.force,
            progress=lambda rows, total: progress.update(bar, completed=rows, total=total),
        )
    task, doses = done.record.task, done.record.doses
    extra, apart = done.num_written - done.num_original, ""
    if doses != ONCE:
        apart = f": {task.num_samples:,} samples in doses of {', '.join(map(str, doses.levels))}"
    lines = [
        f"{done.num_original:,} rows read, {extra:,} extra ones mixed in{apart}",
        f"features: {listed(done.features)} ({task.kind}, {' x '.join(map(str, task.shape))})",
        f"labels: {done.label}, {task.num_classes} classes",
        f"upload: {options.out}",
        f"record: {options.record}, for your eyes alone",
        f"commitment: {done.record.commitment()}",
    ]
    if plan is None:
        lines += [worth(options.family).words, basis(task.kind)]
    try:
        for line in lines:
            console.say(line)
        for sentence in done.cautions:
            console.caution(sentence)
        sys.stdout.flush()
    except OSError as error:
        raise UserError(
            f"{options.out} and {options.record} are written, but the output cannot be "
            f"({error.strerror}): jaxverify show says what is in the record"
        ) from error
    return 0


def feature_columns(options: argparse.Namespace) -> tuple[str, ...]:
    """Those that were named."""
    features = tuple(options.features.split(",")) if options.features else ()
    if "" in features:
        raise UserError(f"features is {options.features!r}; it is column names with commas between")
    return features


def _plan(options: argparse.Namespace) -> Calibration | None:
    if options.plan is None:
        return None
    for each in fields(TaskOptions):
        if getattr(options, each.name) != getattr(PROTECTING, each.name):
            raise UserError(f"--plan says what {each.name} is: leave one of the two out")
    if options.doses != ONCE.levels:
        raise UserError("--plan says what the doses are: leave one of the two out")
    return load_calibration(options.plan)


def _task_options(options: argparse.Namespace) -> TaskOptions:
    return TaskOptions(**{each.name: getattr(options, each.name) for each in fields(TaskOptions)})
