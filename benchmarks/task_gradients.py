"""One measurement of the laboratory: its time and memory, against plain gradients of the samples.

    python -m benchmarks.task_gradients --json results/benchmarks/task_gradients.json

2,000 clean samples and 400 extra ones, in a process of their own. A round measures both tasks and
compares them; the candidate beside it is one pass over the same samples in batches of the same
sizes, each with one ordinary gradient.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.fresh_process import peak_bytes
from benchmarks.measure import alternate
from jaxverify import Samples, TrainedModel, models
from jaxverify.gradients import compare, task_gradients
from train.memory import keep_freed_memory


@dataclass(frozen=True)
class Config(results.Options):
    """What to measure."""

    rounds: int = 3
    """How many times each candidate is timed."""
    models: tuple[str, ...] = ("resnet34",)
    """The networks of images, by name; the memory is that of all until then."""
    clean: int = 2000
    """Samples of the original task."""
    extra: int = 400
    """Extra samples."""
    num_chunks: int = 25
    """Of each task."""
    quick: bool = False
    """Only see that it runs: digits_cnn, a few samples, one round."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    keep_freed_memory()
    if config.quick:
        quick = {"rounds": 1, "models": ("digits_cnn",), "clean": 12, "extra": 6, "num_chunks": 3}
        config = replace(config, **quick)
    measured = results.measure_each(
        config.models, partial(measure, config), "benchmarks.task_gradients", config
    )
    Console().print(table(measured))


def measure(config: Config, name: str) -> dict[str, Any]:
    """One network with fresh parameters: the first measurement, which compiles, and later ones."""
    shape = (8, 8, 1) if name == "digits_cnn" else (32, 32, 3)
    module = models.create(name, num_classes=10)
    rng = np.random.default_rng(0)
    tasks = [
        Samples(rng.integers(0, 256, (n, *shape), np.uint8), rng.integers(0, 10, n, np.int32))
        for n in (config.clean, config.extra)
    ]
    variables = jax.jit(module.init)(jax.random.key(0), tasks[0].features[:1])
    model = TrainedModel(variables, models.Inference(module))

    def laboratory() -> None:
        found = [task_gradients(model, task, num_chunks=config.num_chunks) for task in tasks]
        compare(*found, num_clean=config.clean, num_extra=config.extra)

    started = time.perf_counter()
    laboratory()
    first = time.perf_counter() - started
    peak = peak_bytes()

    @jax.jit
    def gradient(params: Any, batch: Samples) -> Any:
        def loss(params: Any) -> jax.Array:
            logits = model.apply({**variables, "params": params}, jnp.asarray(batch.features))
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels).sum()

        return jax.grad(loss)(params)

    def one_pass() -> None:
        for task in tasks:
            size = len(task.labels) // config.num_chunks
            for start in range(0, config.num_chunks * size, size):
                batch = jax.tree.map(lambda leaf, at=start, n=size: leaf[at : at + n], task)
                jax.block_until_ready(gradient(variables["params"], batch))

    timings = alternate({"laboratory": laboratory, "one pass": one_pass}, rounds=config.rounds)
    return {
        "seconds_first": first,
        "peak_bytes": peak,
        "time": {key: timing.to_dict() for key, timing in timings.items()},
        "over_one_pass": timings["laboratory"].over(timings["one pass"]).to_dict(),
    }


def table(measured: dict[str, Any]) -> Table:
    """What was measured, for the terminal."""
    table = Table("network", "first, s", "later, s", "over one pass", "peak, GiB", title="A row")
    for name, one in measured.items():
        seconds = (one["seconds_first"], one["time"]["laboratory"]["median"])
        ratio = f"{one['over_one_pass']['median']:.2f}"
        table.add_row(
            name, *(f"{s:.1f}" for s in seconds), ratio, f"{one['peak_bytes'] / 2**30:.2f}"
        )
    return table


if __name__ == "__main__":
    main(tyro.cli(Config, prog="python -m benchmarks.task_gradients", description=__doc__))
