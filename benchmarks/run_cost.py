"""What a run costs besides its steps: until the first epoch is shown, and in each later one.

    python -m benchmarks.run_cost --dataset cifar10 --model vgg11 --data FOLDER

The real command runs twice, for a few epochs: first with an empty folder for compiled programs,
then with what the first run left there. Then its steps alone are taken, in the same way, on the
same data, without evaluation, checkpoint or display.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.fresh_process import ROOT
from jaxverify import keys, models
from jaxverify.training.augment import AUGMENTATIONS
from train.config import Config as Run
from train.config import load_config
from train.feeds import Recipe, choose_feed
from train.memory import keep_freed_memory
from train.mesh import DataMesh
from train.objective import objective_of
from train.optimizer import make_optimizer
from train.seeds import side_by_side, stack
from train.state import init_state
from train.steps import make_train_step
from train.training_set import make_training_set

_SCRIPTS = {"cifar10": "cifar", "cifar100": "cifar", "breast_cancer": "tabular"}


@dataclass(frozen=True)
class Config(results.Options):
    """What to run; ``rounds`` are epochs, besides the first."""

    dataset: str = "cifar10"
    """The data set."""
    model: str = "vgg11"
    """The network, under the data set's recipe."""
    data: Path | None = None
    """As the training scripts take it."""
    quick: bool = False
    """Only see that it runs: mlp on breast_cancer."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    if config.quick:
        config = replace(config, dataset="breast_cancer", model="mlp", rounds=2)
    keep_freed_memory()
    name = f"{config.dataset}/{config.model}"
    measured = results.measure_each(
        [name], lambda _: _measure(config), "benchmarks.run_cost", config
    )
    Console().print(table(measured))


def _measure(config: Config) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (_run(config, Path(folder), name) for name in ("cold", "warm"))
    steps = warm["evaluations"][0]["step"]
    times = [row["seconds"] for row in warm["evaluations"]]
    later = np.diff(times) / steps
    alone = _steps_alone(config)
    return {
        "seconds_to_first_epoch": {"cold": cold["shown_after"], "warm": warm["shown_after"]},
        "seconds_a_step": {"run": list(later), "alone": alone},
        "run_over_steps_alone": float(np.median(later) / np.median(alone)),
        "steps_per_epoch": steps,
    }


def _run(config: Config, folder: Path, name: str) -> dict[str, Any]:
    script = _SCRIPTS.get(config.dataset, config.dataset)
    options = {
        "dataset": config.dataset,
        "model": config.model,
        "stop-epoch": config.rounds + 1,
        "eval-every": 1,
        "workdir": folder / name,
    }
    if config.data is not None:
        options["data"] = config.data.absolute()
    words = [sys.executable, "-m", f"train.{script}", "--extra"]
    for option, value in options.items():
        words += [f"--{option}", str(value)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "PYTHONUNBUFFERED": "1"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    start, shown = time.perf_counter(), None
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            if shown is None and line.startswith("epoch"):
                shown = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return json.loads((folder / name / "result.json").read_text()) | {"shown_after": shown}


def _steps_alone(config: Config) -> list[float]:
    """Seconds a step, of each epoch but the first."""
    recipe = load_config(config.dataset, config.model)
    run: Run = replace(recipe, extra=True, data=config.data)
    data, mesh = make_training_set(run), DataMesh()
    module = models.create(
        run.model, num_classes=data.num_classes, vocab_size=data.vocab_size, dtype=run.precision
    )
    steps_per_epoch = len(data.train.labels) // run.batch_size
    optimizer = make_optimizer(run, steps_per_epoch)
    loss, key = objective_of(run).loss, jax.random.key(run.seed)
    train_step = make_train_step(module, optimizer, AUGMENTATIONS[run.augment].apply, loss)
    ends = [steps_per_epoch * (epoch + 1) for epoch in range(config.rounds + 1)]
    feed = choose_feed(
        mesh,
        Recipe(
            train_step=side_by_side(train_step),
            data=[data.train],
            step_keys=stack([keys.stream(key, "steps")]),
            order_keys=[keys.stream(key, "order")],
            batch_size=run.batch_size,
            stops=frozenset(ends),
        ),
    )
    state = init_state(keys.stream(key, "parameters"), module, optimizer, data.train.features[:1])
    states, step, times = mesh.replicate(stack([state])), 0, []
    for end in ends:
        start = time.perf_counter()
        while step < end:
            states, losses = feed.advance(states, step)
            step += len(losses)
        jax.block_until_ready(states)
        times.append((time.perf_counter() - start) / steps_per_epoch)
    return times[1:]


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """One row a run."""
    columns = ("first epoch after, s", "the second time, s", "later ones over their steps")
    shown = Table("run", *columns)
    for name, one in measured.items():
        first = one["seconds_to_first_epoch"]
        seconds = (f"{first[key]:.1f}" for key in ("cold", "warm"))
        shown.add_row(name, *seconds, f"{one['run_over_steps_alone']:.2f}")
    return shown


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
