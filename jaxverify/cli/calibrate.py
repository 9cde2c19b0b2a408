"""``jaxverify calibrate``: from answers of models trained at home to a plan."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from rich.console import Console

from jaxverify.challenge import sample_ids
from jaxverify.errors import UserError
from jaxverify.predictors.answers import Classes, in_order
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.reading import read_all
from jaxverify.record.calibration import calibrate, save_calibration
from jaxverify.record.record import Record, load
from jaxverify.task.options import TaskOptions


def run(options: argparse.Namespace) -> int:
    """Read the answers, and write the plan."""
    record = load(options.record)
    doses = record.doses_of_samples()
    if not (doses == 0).any():
        raise UserError(
            f"the extra samples of {options.record} come in no doses: protect the data at home "
            "with --doses 0,1,4,16"
        )
    task = record.task
    plan = calibrate(
        _right(options.finished, record, options.answers),
        _right(options.cut, record, options.answers),
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
    )
    save_calibration(plan, options.out)
    console = Console()
    for line in [*plan.words(), f"plan: {options.out}"]:
        console.print(line, highlight=False, soft_wrap=True)
    return 0


def _right(
    paths: Sequence[Path], record: Record, labels_are: str | None
) -> list[Bool[np.ndarray, " n"]]:
    ids, labels = sample_ids(record), np.asarray(record.samples().labels)
    classes = Classes(record.class_names, labels_are)  # pyright: ignore[reportArgumentType]
    every = []
    for path in paths:
        answers = read_answers(path)
        said = {name: answers[name] for name in ids if name in answers}
        if len(said) < len(ids):
            raise UserError(f"{path} answers {len(said)} of the {len(ids)} questions: give all")
        every.append(in_order(read_all(said, classes), ids) == labels)
    return every
