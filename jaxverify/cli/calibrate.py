"""``jaxverify calibrate``: from answers of models trained at home to a plan."""

import argparse

from jaxverify.cli.outputs import check_outputs
from jaxverify.errors import UserError
from jaxverify.record.calibration import calibrate, save_calibration
from jaxverify.record.record import load
from jaxverify.rehearsal.program import right_answers
from jaxverify.screen import Screen
from jaxverify.task.options import TaskOptions


def run(options: argparse.Namespace) -> int:
    """Read the answers, and write the plan."""
    never = [options.record, *options.finished, *options.cut]
    check_outputs({"--out": options.out}, force=False, never=never)
    record = load(options.record)
    doses = record.doses_of_samples()
    if not (doses == 0).any():
        raise UserError(
            f"the extra samples of {options.record} come in no doses: protect the data at home "
            "with --doses 0,1,4,16"
        )
    task = record.task
    plan = calibrate(
        [right_answers(path, record, options.answers) for path in options.finished],
        [right_answers(path, record, options.answers) for path in options.cut],
        doses,
        task.num_classes,
        TaskOptions(
            fixed_ratio=task.fixed_ratio,
            labels=task.labels,
            generator=task.generator,  # pyright: ignore[reportArgumentType]
            placement=task.placement,
            num_fixed=task.num_fixed,
            alpha=record.alpha,
        ),
        task.kind,
        max_share=options.max_share,
    )
    save_calibration(plan, options.out)
    console = Screen(quiet=options.quiet)
    for line in [*plan.words(), f"plan: {options.out}"]:
        console.say(line)
    return 0
