"""``jaxverify rehearse``: train at home, and plan by what is known at each quality."""

import argparse
from dataclasses import replace

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from jaxverify.cli.protect import feature_columns
from jaxverify.errors import UserError
from jaxverify.record.calibration import calibrate, save_calibration
from jaxverify.rehearsal import Checkpoint, Rehearsal, known_by_quality, split
from jaxverify.task.doses import Doses
from jaxverify.task.options import PROTECTING

_QUALITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)


def run(options: argparse.Namespace) -> int:
    """Protect, train, and plan."""
    if options.out.exists():
        raise UserError(f"{options.out} exists already: remove it, or give another path")
    if not 0 < options.wanted < 1:
        raise UserError(f"wanted is {options.wanted}; it is a share of the best quality, below 1")
    if options.seeds < 1:
        raise UserError(f"seeds is {options.seeds}; it is 1 or more")
    if options.seeds > 1 and "{seed}" not in options.trainer:
        raise UserError("the trainer's command has no {seed}, so that all seeds would be the same")
    console, doses = Console(), Doses(options.doses)
    if 0 not in doses.levels:
        raise UserError(
            "the doses have no 0: without a control nothing shows that others are known"
        )
    task_options = replace(
        PROTECTING,
        eta=options.eta,
        generator=options.generator,
        fixed_ratio=options.fixed_ratio,
    )
    rehearsal = Rehearsal(options.work, options.trainer)
    record = rehearsal.prepare(
        options.data,
        task_options,
        doses,
        label=options.label,
        kind=options.kind,
        features=feature_columns(options),
    )
    checkpoints: list[Checkpoint] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("training", total=options.seeds)
        for seed in range(options.seeds):
            rehearsal.train(options.data, record, seed)
            checkpoints += rehearsal.read(record, seed, options.answers)
            progress.advance(bar)
    dealt = record.doses_of_samples()
    console.print(_table(known_by_quality(checkpoints, dealt, _QUALITIES)))
    finished, cut = split(checkpoints, options.wanted)
    plan = calibrate(
        [each.right for each in finished],
        [each.right for each in cut],
        dealt,
        record.task.num_classes,
        replace(task_options, generator=record.task.generator),  # pyright: ignore[reportArgumentType]
        record.task.kind,
    )
    save_calibration(plan, options.out)
    if options.seeds < 3:
        console.print(
            "Caution: one or two trainings say little of how much the next one knows: give three "
            "seeds or more.",
            style="yellow",
        )
    for line in [*plan.words(), f"plan: {options.out}"]:
        console.print(line, highlight=False, soft_wrap=True)
    return 0


def _table(known: dict[int, list[float | None]]) -> Table:
    table = Table(title="Right answers, when a model was first so good")
    table.add_column("dose", justify="right")
    for quality in _QUALITIES:
        table.add_column(f"{quality:.0%}", justify="right")
    for dose, shares in known.items():
        table.add_row(str(dose), *("" if share is None else f"{share:.0%}" for share in shares))
    return table
