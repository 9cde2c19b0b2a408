"""Which test needs the fewest extra samples, and how early does each pass?"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from jaxverify import runs
from jaxverify.files.whole import write_whole
from jaxverify.runs import extra_key
from train.config import PLACES, Config, load_config
from train.loop import train
from train.run_folder import RunFolder
from train.training_set import make_parts
from train.unlabelled.battery import ALPHA, Answers, ask, p_values

SEEDS = 5
SIZES = (25, 50, 100)  # extra samples, of those that there are
_SUBSETS = 20
_TEXT: dict[str, Any] = {
    "train_samples": 4_000,
    "test_samples": 2_000,
    "max_length": 128,
    "eta": 0.05,
    "labels": "balanced",
    "epochs": 16,
    "eval_every": 0.5,
}
_CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("imdb", "textcnn"): _TEXT,
    ("ag_news", "textcnn"): _TEXT | {"max_length": 64},
    ("digits", "digits_cnn"): {"epochs": 20},
}


def cells(root: Path, data: Path | None) -> Iterator[Config]:
    """Small runs whose every evaluation leaves a checkpoint; all seeds of one at once.

    Args:
        root: where the run folders lie.
        data: a folder with one of Parquet files for each data set but the digits; or TFDS.
    """
    for (dataset, model), changes in _CHANGES.items():
        config = replace(load_config(dataset, model), **changes)
        if data is not None and dataset != "digits":
            config = replace(config, data=data / dataset)
        yield replace(
            config,
            extra=True,
            seeds=SEEDS,
            resume=True,
            keep_checkpoints="all",
            workdir=root / f"{dataset}-{model}",
        )


def measure_all(root: Path, data: Path | None, console: Console) -> list[dict[str, Any]]:
    """Train and measure what is not measured yet; the result of every run, without its folders."""
    results = []
    for config in cells(root, data):
        missing = [one for one in config.each_seed() if not (one.run_folder / _FOUND).exists()]
        if missing:
            console.rule(str(config.workdir))
            train(config, console)
        for alone in missing:
            _measure(alone, console)
        for alone in config.each_seed():
            results.append(json.loads((alone.run_folder / _FOUND).read_text()))
    return results


_FOUND = "power.json"


def _measure(config: Config, console: Console) -> None:
    """Put every checkpoint of a run to every test."""
    folder = RunFolder(config.run_folder)
    key, test, rows = extra_key(config.seed), make_parts(config).test, []
    for evaluation in folder.metrics():
        model = runs.load_model(folder.path, evaluation["step"])
        assert model.task is not None
        answers = ask(model, key, model.task, test)
        console.print(f"seed {config.seed}, epoch {evaluation['epoch']:g}: measured")
        for size in (*SIZES, len(answers.labels)):
            point = {name: evaluation[name] for name in ("step", "epoch", "test_accuracy")}
            rows.append({**point, "size": size, "passes": _passes(answers, size, config.seed)})
    result = json.loads((folder.path / "result.json").read_text())
    kept = ("task", "data_fingerprint", "code_revisions", "versions", "devices", "cpu_count")
    found = {name: result[name] for name in (*kept, "seconds", "seeds_side_by_side")}
    found |= {"config": result["config"] | dict.fromkeys(PLACES), "alpha": ALPHA, "rows": rows}
    write_whole(folder.path / _FOUND, (json.dumps(found) + "\n").encode())
    shutil.rmtree(folder.checkpoints)


def _passes(answers: Answers, size: int, seed: int) -> dict[str, float]:
    """By test, the share of random subsets of so many samples by which the model passes."""
    rng, whole = np.random.default_rng(seed), len(answers.labels)
    passes: dict[str, float] = defaultdict(float)
    subsets = 1 if size == whole else _SUBSETS
    for _ in range(subsets):
        chosen = answers.subset(np.sort(rng.permutation(whole)[:size]))
        for name, p_value in p_values(chosen).items():
            passes[name] += (p_value <= ALPHA) / subsets
    return dict(passes)
