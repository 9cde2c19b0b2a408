"""Train one of the zoo on the paper's task and on the planned one, and judge all its stages."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxverify import ExtraTask, Samples, keys
from jaxverify.record.calibration import Calibration
from jaxverify.rehearsal.checkpoints import Checkpoint
from jaxverify.task.doses import copies, doses_of
from jaxverify.task.generation import generate
from jaxverify.task.options import TaskOptions
from jaxverify.training.batches import take
from train.rehearsals.publication import RESULTS as REHEARSALS
from train.rehearsals.run import PAPER, PAPER_OPTIONS, Data, judged, planned_task, read, task_of
from train.rehearsals.setting import SETTINGS as RECIPES
from train.zoo.stages import Setting, Trainer, Upload

Row = dict[str, Any]
_FIRST = 300  # no seed of a rehearsal
_PAPER_SEEDS = 1
_HELD_OUT = 2_000  # rows by which qualities are measured


def plan_of(rehearsal: str) -> Calibration | None:
    """The plan that a rehearsal ended with, as its results have it; None, if it found none."""
    plan = json.loads((REHEARSALS / f"{rehearsal}.json").read_text())["plan"]
    if plan is None:
        return None
    plan["options"] = TaskOptions(**plan["options"])
    for name in ("finished", "cut"):
        plan[name] = tuple((right, asked) for right, asked in plan[name])
    return Calibration(**plan)


def run(
    setting: Setting, seed: int, data: Path | None, say: Callable[[str], Any] = lambda line: None
) -> Row:
    """What one trainer was worth with one seed.

    Args:
        setting: of the trainer.
        seed: from 0.
        data: a folder with the data set, or None.
        say: told what is being trained.
    """
    started = time.monotonic()
    recipe = replace(RECIPES[setting.rehearsal], **setting.elsewhere)
    plan = plan_of(setting.rehearsal)
    parted = _of_classes(read(recipe, data), plan.num_classes) if plan else read(recipe, data)
    recipe = replace(recipe, cloud_rows=len(parted.cloud.labels))
    wanted = {}
    if seed < _PAPER_SEEDS:
        task = task_of(parted, PAPER_OPTIONS, recipe.cloud_rows, PAPER)
        wanted["paper"] = (task, PAPER, PAPER_OPTIONS)
    if plan is not None:
        task = planned_task(recipe, parted, plan)
        wanted["planned"] = (task, plan.doses, plan.options)
    rows, prices = {}, {}
    for name, (task, doses, options) in wanted.items():
        say(f"{name} task")
        key = keys.stream(jax.random.key(_FIRST + seed), f"zoo, {name} task")
        extra = copies(key, task, doses).samples
        given = doses_of(key, task, doses) > 0
        prices[name] = len(extra.labels)
        stages = _asked(setting.train, parted, extra, key, task, seed)
        rows[name] = [judged(each, each.right[given], task, options) for each in stages]
    return {
        **rows,
        "extra_rows": prices,
        "cloud_rows": recipe.cloud_rows,
        "wanted": None if plan is None else plan.wanted,
        "data_fingerprint": parted.fingerprint,
        "seconds": round(time.monotonic() - started, 1),
    }


def _of_classes(parted: Data, num_classes: int) -> Data:
    """The rows of the first classes, where there are more of them than are planned for."""

    def few(samples: Samples) -> Samples:
        return take(samples, np.flatnonzero(np.asarray(samples.labels) < num_classes))

    return parted._replace(
        home=few(parted.home),
        cloud=few(parted.cloud),
        held_out=few(parted.held_out),
        num_classes=min(parted.num_classes, num_classes),
    )


def _asked(
    train: Trainer, parted: Data, extra: Samples, key: jax.Array, task: ExtraTask, seed: int
) -> list[Checkpoint]:
    """Quality and right answers of every stage of one training."""
    both = [np.concatenate(pair) for pair in zip(parted.cloud, extra, strict=True)]
    order = np.random.default_rng(_FIRST + seed).permutation(len(both[1]))
    upload = Upload(Samples(*(part[order] for part in both)), task.num_classes, seed)
    asked, held_out = (
        generate(key, task),
        take(parted.held_out, np.arange(len(parted.held_out.labels))[:_HELD_OUT]),
    )
    names, qualities, rights = [], [], []
    for name, predict in train(upload):
        names.append(name)
        qualities.append(float((predict(np.asarray(held_out.features)) == held_out.labels).mean()))
        rights.append(predict(np.asarray(asked.features)) == np.asarray(asked.labels))
    best = max(qualities)
    return [
        Checkpoint(seed, name, quality, quality / best, i == len(names) - 1, right)
        for i, (name, quality, right) in enumerate(zip(names, qualities, rights, strict=True))
    ]
