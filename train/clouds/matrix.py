"""The matrix itself: every cloud, against every construction, for every seed."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jaxverify import Mixed, Samples, UserError, keys, stats
from jaxverify.clouds import (
    CHEATING,
    CHEATING_BY_COPIES,
    DETECTORS,
    HONEST,
    LAZY,
    Cloud,
    auc,
    fit,
    honest,
    older_model,
)
from jaxverify.clouds.cheating import FIRST_LOOK
from jaxverify.files.whole import write_whole
from train.clouds.constructions import IN_COPIES, Protection, constructions, upload
from train.clouds.evidence import ALPHA, examine
from train.clouds.setting import SETTINGS, Case, Setting, make_case
from train.provenance import code_revision, machine, versions

OLDER = "older model"
KINDS = {**dict.fromkeys(HONEST, "honest"), **dict.fromkeys(LAZY, "lazy"), OLDER: "lazy"}
KINDS |= dict.fromkeys([*CHEATING, *CHEATING_BY_COPIES], "cheating")
_LOCAL_RUNS = 3


class Cell(NamedTuple):
    """One construction and one seed, against which every cloud is tried."""

    construction: str
    seed: int

    @property
    def file(self) -> str:
        """The name of the file in which it is kept."""
        words = "".join(c if c.isalnum() else " " for c in self.construction).split()
        return f"{'-'.join(words)}-seed{self.seed}.json"


def names_of_clouds(construction: str) -> list[str]:
    """Those that are tried against a construction; copies are looked for where there are any."""
    return [n for n in KINDS if construction in IN_COPIES or n not in CHEATING_BY_COPIES]


def work_off(dataset: str, data: Path | None, root: Path, console: Console) -> int:
    """Try every cloud against every construction that is not tried yet.

    Args:
        dataset: a key of ``SETTINGS``.
        data: a folder with one of Parquet files for each data set; or None, and TFDS.
        root: where a file is kept for each cell, written again after each cloud.
        console: where progress is shown.

    Returns:
        int: how many cells another process has in hand.

    Guarantee: what is in a file is never computed again; killed at any moment and started again,
    the numbers are the same but for the seconds.
    """
    setting, busy = SETTINGS[dataset], 0
    cases = [make_case(setting, seed, data) for seed in range(setting.seeds)]
    wanted = [
        (Cell(name, seed), case) for seed, case in enumerate(cases) for name in constructions(case)
    ]
    folder = root / dataset
    folder.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        total = sum(len(names_of_clouds(cell.construction)) for cell, _ in wanted)
        bar = progress.add_task("clouds", total=total)
        for cell, case in wanted:
            try:
                with FileLock(folder / f".{cell.file}.lock").acquire(blocking=False):
                    for _ in _cell(cell, case, setting, folder / cell.file, console):
                        progress.advance(bar)
            except Timeout:
                busy += 1
    return busy


def _cell(cell: Cell, case: Case, setting: Setting, path: Path, console: Console) -> Iterator[str]:
    """Each cloud's name when it has been tried; the file is written before."""
    key = keys.stream(jax.random.key(cell.seed), "clouds")
    make = constructions(case)[cell.construction]
    protection = make(keys.stream(key, "extra task"), case)
    mixed = upload(keys.stream(key, "upload"), case, protection)
    earlier = upload(
        keys.stream(key, "earlier upload"), case, make(keys.stream(key, "earlier task"), case)
    )
    every = {**HONEST, **LAZY, OLDER: older_model(earlier.samples), **CHEATING}
    every |= CHEATING_BY_COPIES
    clouds = {name: every[name] for name in names_of_clouds(cell.construction)}
    found = json.loads(path.read_text()) if path.exists() else _about(cell, setting, case)
    if found["setting"] != asdict(setting) or found["data_fingerprint"] != case.fingerprint:
        raise UserError(f"{path} holds what was found with another setting or other data")
    revisions = dict.fromkeys([*found["code_revisions"], code_revision()])
    found["code_revisions"] = list(revisions)
    if "envelope" not in found:
        found["envelope"] = _local_runs(case, protection, keys.stream(key, "local runs"))
        found["detectors"] = _detectors(case, mixed, keys.stream(key, "detectors"))
        found["unprotected_accuracy"] = _unprotected(case, keys.stream(key, "full training"))
    honest_cost = 3 * case.budget.epochs * len(mixed.samples.labels)
    for name, cloud in clouds.items():
        if name not in found["clouds"]:
            found["clouds"][name] = _try(
                name, cloud, case, protection, mixed, found, key, honest_cost
            )
            write_whole(path, (json.dumps(found, indent=1) + "\n").encode())
            console.print(_line(cell, name, found["clouds"][name]), highlight=False)
        yield name


def _try(
    name: str,
    cloud: Cloud,
    case: Case,
    protection: Protection,
    mixed: Mixed,
    found: dict[str, Any],
    key: jax.Array,
    honest_cost: float,
) -> dict[str, Any]:
    started = time.monotonic()
    num_uploaded = int(protection.repeats.sum())  # what a cheat looks for
    budget = case.budget._replace(num_extra=num_uploaded)
    try:
        returned = cloud(mixed.samples, case.module, budget, keys.stream(key, name))
    except UserError as error:
        return {"kind": KINDS[name], "impossible": str(error)}
    own_accuracy, examination = found["envelope"]["accuracy"], keys.stream(key, "examination")
    evidence = examine(returned, case, protection, own_accuracy, examination)
    seconds = round(time.monotonic() - started, 2)
    return {
        "kind": KINDS[name],
        "cost": returned.cost / honest_cost,
        **evidence,
        "seconds": seconds,
    }


def _local_runs(case: Case, protection: Protection, key: jax.Array) -> dict[str, Any]:
    """Honest training at home, each time on another third of the data and of the extra samples."""
    counts = []
    for i in range(_LOCAL_RUNS):
        own, extra = (
            Samples(*(x[i::_LOCAL_RUNS] for x in part)) for part in (case.train, protection.extra)
        )
        both = Samples(*(np.concatenate(pair) for pair in zip(own, extra, strict=True)))
        run_key = keys.stream(key, f"run {i}")
        predict = honest.full(both, case.module, case.budget, run_key).predict
        counts.append(
            (int((predict(own.features).argmax(-1) == own.labels).sum()), len(own.labels))
        )
    bound = stats.own_accuracy_bound(counts, 1 - ALPHA)
    return {"accuracy": bound, "runs": [right / size for right, size in counts]}


def _detectors(case: Case, mixed: Mixed, key: jax.Array) -> dict[str, float]:
    """The AUC of each, the network having looked at the data as a cheat's does."""
    epochs = FIRST_LOOK * case.budget.epochs
    look = fit(mixed.samples, case.module, case.budget, key, epochs=epochs)
    return {
        name: auc(detector(mixed.samples, look), mixed.extra_positions)
        for name, detector in DETECTORS.items()
    }


def _unprotected(case: Case, key: jax.Array) -> float:
    """The test accuracy of full training without the extra task, under the same key as with it."""
    returned = honest.full(case.train, case.module, case.budget, key)
    return float((returned.predict(case.test.features).argmax(-1) == case.test.labels).mean())


def _about(cell: Cell, setting: Setting, case: Case) -> dict[str, Any]:
    return {
        **cell._asdict(),
        "setting": asdict(setting),
        "num_classes": case.budget.num_classes,
        "data_fingerprint": case.fingerprint,
        "code_revisions": [],
        "versions": versions(),
        **machine(),
        "clouds": {},
    }


def _line(cell: Cell, name: str, found: dict[str, Any]) -> str:
    if "impossible" in found:
        return f"{cell.construction}, seed {cell.seed}, {name}: {found['impossible']}"
    passes = ", ".join(test for test, passed in found["passed"].items() if passed) or "nothing"
    return (
        f"{cell.construction}, seed {cell.seed}, {name}: extra {found['extra_accuracy']:.1%}, "
        f"test {found['test_accuracy']:.1%}, cost {found['cost']:.2f}; passes {passes}"
    )
