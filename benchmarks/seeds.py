"""Several seeds in one program against one seed alone: the time of a step.

python -m benchmarks.seeds [--model att_blstm] [--seeds 3] [--json results/benchmarks/seeds.json]

Against them stand the other rules by which the seeds could be computed (train/seeds.py). A step is
all that the training loop does for it: gathering the batches, their way to the devices, the jitted
step. The batches are random, as the time does not depend on what they hold.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.measure import alternate
from benchmarks.results import Options, write
from jaxverify import Samples, models
from jaxverify.training.augment import AUGMENTATIONS
from train.config import load_config
from train.memory import keep_freed_memory
from train.mesh import DataMesh
from train.optimizer import make_optimizer
from train.seeds import RULES, Rule, side_by_side, stack, take
from train.state import init_state
from train.steps import make_train_step

_CLASSES, _WORDS, _SAMPLES, _STEPS_PER_EPOCH = 10, 256, 2_048, 1_000
_DATASETS = {"textcnn": "imdb", "att_blstm": "imdb", "digits_cnn": "digits"}
_IMAGES = {"digits_cnn": (8, 8, 1), "resnet34": (32, 32, 3), "vgg11": (32, 32, 3)}


@dataclass(frozen=True)
class Seeds(Options):
    """What is asked of the benchmark."""

    model: Literal["textcnn", "att_blstm", "resnet34", "vgg11", "digits_cnn"] = "textcnn"
    """The network, under the recipe of its first data set."""
    seeds: int = 3
    """Measure 1, 2, ... so many seeds."""
    words: int = _WORDS
    """Of a text."""
    batch_size: int | None = None
    """Samples per step of each seed; without it the recipe's."""


def make_step(asked: Seeds, num_seeds: int, rule: Rule | None = None) -> Callable[[], object]:
    """A function that takes the next step of ``num_seeds`` seeds and waits for it."""
    config = load_config(_DATASETS.get(asked.model, "cifar10"), asked.model)
    batch_size = config.batch_size if asked.batch_size is None else asked.batch_size
    text = asked.model not in _IMAGES
    module = models.create(
        asked.model, num_classes=_CLASSES, vocab_size=config.vocab_size if text else None
    )
    rng = np.random.default_rng(0)
    labels = rng.integers(0, _CLASSES, _SAMPLES).astype(np.int32)
    if text:
        features = rng.integers(0, config.vocab_size, (_SAMPLES, asked.words)).astype(np.int32)
    else:
        features = rng.integers(0, 256, (_SAMPLES, *_IMAGES[asked.model])).astype(np.uint8)
    data = Samples(features, labels)

    mesh, optimizer = DataMesh(), make_optimizer(config, _STEPS_PER_EPOCH)
    keys = stack([jax.random.key(seed) for seed in range(num_seeds)])
    states = [
        init_state(jax.random.key(seed), module, optimizer, features[:1])
        for seed in range(num_seeds)
    ]
    train_step = make_train_step(module, optimizer, AUGMENTATIONS[config.augment].apply)
    train_steps = mesh.jit_train(side_by_side(train_step, rule=rule))
    stacked = mesh.replicate(stack(states))

    def step() -> None:
        nonlocal stacked
        batches = [take(data, rng.integers(0, _SAMPLES, batch_size)) for _ in range(num_seeds)]
        stacked, losses = train_steps(stacked, mesh.put(batches), keys)
        jax.block_until_ready((stacked, losses))

    return step


def main(asked: Seeds) -> None:
    """Measure, print the table, and write the file if one is asked for."""
    keep_freed_memory()  # as the training scripts do
    steps = {str(count): make_step(asked, count) for count in range(1, asked.seeds + 1)}
    if asked.seeds > 1:
        steps |= {f"{asked.seeds} {rule}": make_step(asked, asked.seeds, rule) for rule in RULES}
    timings = alternate(steps, rounds=asked.rounds)
    ratios = {count: timing.over(timings["1"]) for count, timing in timings.items()}
    busy = {count: _cores_busy(step) for count, step in steps.items()}
    table = Table("seeds", "ms a step", "of one seed's", "cores busy", title=asked.model)
    for count, timing in timings.items():
        table.add_row(count, f"{1e3 * timing.median:.1f}", str(ratios[count]), f"{busy[count]:.2f}")
    Console().print(table)
    if asked.json is not None:
        measured = {
            count: {
                "step": timings[count].to_dict(),
                "over_one": ratios[count].to_dict(),
                "cores_busy": busy[count],
            }
            for count in timings
        }
        config = {k: v for k, v in asdict(asked).items() if k != "json"}
        write(asked.json, "benchmarks.seeds", config, measured)


def _cores_busy(step: Callable[[], object]) -> float:
    """Seconds of all cores for each that passes, over ten steps."""
    processor, clock = time.process_time(), time.perf_counter()
    for _ in range(10):
        step()
    return (time.process_time() - processor) / (time.perf_counter() - clock)


if __name__ == "__main__":
    main(tyro.cli(Seeds, description=__doc__))
