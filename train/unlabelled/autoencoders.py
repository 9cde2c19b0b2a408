"""Autoencoders trained to the end, stopped early, and unable to memorise: which of them pass?"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from train.config import PLACES, UNLABELLED, Config, load_config
from train.loop import train

SEEDS = 3
_STOP = 0.1  # of all epochs
# A part of CIFAR-10 that two cores afford in minutes.
_SMALL: dict[str, Any] = {
    "train_samples": 500,
    "test_samples": 1_000,
    "eta": 0.1,
    "batch_size": 50,
    "eval_batch_size": 500,
    "epochs": 400,
    "eval_every": 20,
}


def runs(root: Path, data: Path | None) -> Iterator[Config]:
    """Each data set and network, trained to the end and stopped early; all seeds of one at once.

    Args:
        root: where the run folders lie.
        data: a folder with one of Parquet files for each data set but the digits; or TFDS.
    """
    for dataset in ("digits", "cifar10"):
        for model in UNLABELLED:
            config = load_config("digits", model)
            if dataset == "cifar10":
                folder = None if data is None else data / dataset
                config = replace(config, dataset=dataset, data=folder, **_SMALL)
            for stop in (None, _STOP * config.epochs):
                name = f"{dataset}-{model}" + ("" if stop is None else "-stopped")
                yield replace(
                    config,
                    extra=True,
                    seeds=SEEDS,
                    stop_epoch=stop,
                    resume=True,
                    workdir=root / name,
                )


def train_all(root: Path, data: Path | None, console: Console) -> list[dict[str, Any]]:
    """Train what is not trained yet, and return the result of every run, without its folders."""
    results = []
    for config in runs(root, data):
        folders = [alone.run_folder for alone in config.each_seed()]
        if not all((folder / "result.json").exists() for folder in folders):
            console.rule(str(config.workdir))
            train(config, console)
        for folder in folders:
            result = json.loads((folder / "result.json").read_text())
            result["config"] |= dict.fromkeys(PLACES)
            results.append(result)
    return results
