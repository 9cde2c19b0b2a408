"""Rehearse at home, plan, and judge clouds by the plan: by the library's own functions."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from jaxverify import ExtraTask, Samples, UserError, keys, stats
from jaxverify.data import load
from jaxverify.record.calibration import Calibration, best_of, calibrate
from jaxverify.record.plan import num_samples_for
from jaxverify.rehearsal.asking import train_and_ask
from jaxverify.rehearsal.checkpoints import Checkpoint, split
from jaxverify.task.doses import Doses, copies, doses_of
from jaxverify.task.extra_task import Kind
from jaxverify.task.generation import generate
from jaxverify.task.options import TaskOptions
from jaxverify.training.batches import take
from train.rehearsals.setting import MAX_SHARE, WANTED, Setting
from train.settings import in_form

Row = dict[str, Any]
Say = Callable[[str], Any]
PAPER = Doses((1,))
PAPER_OPTIONS = TaskOptions(labels="balanced", eta=0.04, generator=None)
_CLOUD = 200  # the first seed in the cloud; those before chose the rule by which plans are made


class Data(NamedTuple):
    """A data set, parted.

    Attributes:
        home: rows at home.
        cloud: others, in the upload.
        held_out: by which a quality is measured, and training is stopped early.
        num_classes: C.
        vocab_size: of text.
        kind: of the features.
        fingerprint: of the whole data set.
    """

    home: Samples
    cloud: Samples
    held_out: Samples
    num_classes: int
    vocab_size: int | None
    kind: Kind
    fingerprint: str


def read(setting: Setting, data: Path | None) -> Data:
    """Load and part the data, the same way each time."""
    loaded = load(setting.dataset, data_dir=data, max_length=setting.max_length)
    rows, test = loaded.train, loaded.test
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows.labels))
    home, cloud = np.split(order, [setting.home_rows])
    kind: Kind = "text" if loaded.vocab_size else "vector" if setting.as_table else "image"
    held_out = rng.permutation(len(test.labels))[: setting.held_out_rows]

    def part(samples: Samples, numbers: np.ndarray) -> Samples:
        return in_form(take(samples, numbers), setting.side, setting.as_table)

    return Data(
        part(rows, home),
        part(rows, cloud[: setting.cloud_rows]),
        part(test, held_out),
        loaded.num_classes,
        loaded.vocab_size,
        kind,
        loaded.fingerprint,
    )


def run(setting: Setting, data: Path | None, say: Say = lambda line: None) -> dict[str, Any]:
    """Everything of one recipe.

    Args:
        setting: of the recipe.
        data: a folder with the data set, or None.
        say: told what is being trained.
    """
    started, parted = time.monotonic(), read(setting, data)
    homes = {name: _at_home(setting, parted, name, say) for name in setting.constructions}
    name, chosen, reasons = _choose(setting, parted, homes)
    clouds = []
    for seed in range(_CLOUD, _CLOUD + setting.cloud_seeds):
        say(f"in the cloud, seed {seed}")
        clouds.append({"seed": seed})
        if chosen is not None:
            clouds[-1]["planned"] = _planned_cloud(setting, parted, chosen, seed)
        if seed < _CLOUD + setting.other_seeds:
            clouds[-1] |= _other_clouds(setting, parted, seed)
    return {
        "construction": name,
        "plan": None if chosen is None else {**vars(chosen), "options": vars(chosen.options)},
        "extra_rows": None if chosen is None else _num_given(setting, parted, chosen),
        "no_plan": reasons,
        "rehearsed": {
            name: [_row(each, home.doses) for each in home.checkpoints]
            for name, home in homes.items()
        },
        "clouds": clouds,
        "num_classes": parted.num_classes,
        "data_fingerprint": parted.fingerprint,
        "seconds": round(time.monotonic() - started, 1),
    }


class _Home(NamedTuple):
    """What came of one construction at home."""

    options: TaskOptions
    doses: Int[np.ndarray, " n"]
    checkpoints: list[Checkpoint]


def _at_home(setting: Setting, parted: Data, name: str, say: Say) -> _Home:
    task, options = _home_task(setting, parted, name)
    key, doses = keys.stream(jax.random.key(0), f"home {name}"), Doses(setting.doses)
    checkpoints = []
    for seed in range(setting.home_seeds):
        say(f"{name}, at home, seed {seed}")
        checkpoints += train(setting, parted, parted.home, key, task, doses, seed)
    return _Home(options, doses_of(key, task, doses), checkpoints)


def _choose(
    setting: Setting, parted: Data, homes: dict[str, _Home]
) -> tuple[str | None, Calibration | None, dict[str, str]]:
    """The plan for the highest quality that there is a plan for, and why there is none above."""
    reasons = {}
    for wanted in WANTED:
        plans = {}
        for name, home in homes.items():
            try:
                plan = _calibrated(setting, parted, home, wanted)
                planned_task(setting, parted, plan)  # the rows that it wants may be too many
                plans[name] = plan
            except UserError as error:
                reasons[f"{name} at {wanted:.0%}"] = str(error)
        if plans:
            best = best_of(list(plans.values()), setting.cloud_rows)
            return next(name for name, plan in plans.items() if plan is best), best, reasons
    return None, None, reasons


def _calibrated(setting: Setting, parted: Data, home: _Home, wanted: float) -> Calibration:
    finished, cut = split(home.checkpoints, wanted)
    plan = calibrate(
        [each.right for each in finished],
        [each.right for each in cut],
        home.doses,
        parted.num_classes,
        home.options,
        parted.kind,
        max_share=MAX_SHARE,
        num_rows=setting.cloud_rows,
        wanted=wanted,
        home_rows=setting.home_rows,
    )
    if plan.least_rows > setting.cloud_rows:
        raise UserError(f"{plan.num_rows:,} extra rows are too many for {setting.cloud_rows:,}")
    return plan


def train(
    setting: Setting,
    parted: Data,
    rows: Samples,
    task_key: jax.Array | None,
    task: ExtraTask | None,
    doses: Doses,
    seed: int,
) -> list[Checkpoint]:
    """The checkpoints of one training, with the extra task or without."""
    both, asked = rows, None
    if task is not None and task_key is not None:
        extra = copies(task_key, task, doses).samples
        both = Samples(*(np.concatenate(pair) for pair in zip(rows, extra, strict=True)))
        asked = generate(task_key, task)
    return train_and_ask(
        setting.recipe,
        both,
        parted.held_out,
        asked,
        parted.num_classes,
        parted.vocab_size,
        jax.random.key(seed),
        seed,
    )


def _home_task(setting: Setting, parted: Data, name: str) -> tuple[ExtraTask, TaskOptions]:
    options = replace(setting.options(parted.kind, name), eta=setting.eta)
    return task_of(parted, options, len(parted.home.labels), Doses(setting.doses)), options


def task_of(parted: Data, options: TaskOptions, rows: int, doses: Doses, **more: Any) -> ExtraTask:
    """The extra task that these options give a data set of this many rows."""
    return ExtraTask(
        parted.kind,
        tuple(parted.home.features.shape[1:]),
        parted.num_classes,
        num_samples_for(options, parted.num_classes, rows, doses, **more),
        vocab_size=parted.vocab_size,
        **options.of_task(parted.kind),
    )


def _num_given(setting: Setting, parted: Data, plan: Calibration) -> int:
    task = planned_task(setting, parted, plan)
    return task.num_samples // 2 * plan.dose


def planned_task(setting: Setting, parted: Data, plan: Calibration) -> ExtraTask:
    """The extra task that the plan calls for in the cloud."""
    more = {"share": plan.share, "most_rows": plan.max_share}
    return task_of(parted, plan.options, setting.cloud_rows, plan.doses, **more)


def _planned_cloud(setting: Setting, parted: Data, plan: Calibration, seed: int) -> list[Row]:
    task = planned_task(setting, parted, plan)
    key = keys.stream(jax.random.key(seed), "planned task")
    asked = train(setting, parted, parted.cloud, key, task, plan.doses, seed)
    given = doses_of(key, task, plan.doses) > 0
    return [judged(each, each.right[given], task, plan.options) for each in asked]


def _other_clouds(setting: Setting, parted: Data, seed: int) -> dict[str, Any]:
    task = task_of(parted, PAPER_OPTIONS, setting.cloud_rows, PAPER)
    key = keys.stream(jax.random.key(seed), "the paper's task")
    paper = train(setting, parted, parted.cloud, key, task, PAPER, seed)
    plain = train(setting, parted, parted.cloud, None, None, PAPER, seed)
    return {
        "paper": [judged(each, each.right, task, PAPER_OPTIONS) for each in paper],
        "plain_quality": plain[-1].quality,
    }


def judged(checkpoint: Checkpoint, right: np.ndarray, task: ExtraTask, options: TaskOptions) -> Row:
    """Algorithm 2 on one checkpoint."""
    hits, n = int(right.sum()), len(right)
    p_value = stats.p_value(hits, n, task.num_classes, options.epsilon, task.labels)
    return {
        "name": checkpoint.name,
        "quality": checkpoint.quality,
        "share": checkpoint.share,
        "is_last": checkpoint.is_last,
        "right": hits,
        "asked": n,
        "passed": bool(p_value <= options.alpha),
    }


def _row(checkpoint: Checkpoint, dealt: np.ndarray) -> Row:
    return {
        "seed": checkpoint.seed,
        "quality": checkpoint.quality,
        "share": checkpoint.share,
        "is_last": checkpoint.is_last,
        "right": {
            int(dose): [int(checkpoint.right[dealt == dose].sum()), int((dealt == dose).sum())]
            for dose in np.unique(dealt)
        },
    }
