"""What protection and verification cost: generation, verify, and training with --extra.

python -m benchmarks.verify --json results/benchmarks/verify.json
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.extra_cost import measure_extra
from benchmarks.measure import alternate
from benchmarks.results import Options, write
from jaxverify import ExtraTask, TrainedModel, count, generate, models, verify

_KEY = jax.random.key(0)

# The paper's settings: shapes, C and N of Table 1.
_CIFAR10 = ExtraTask("image", (32, 32, 3), num_classes=10, num_samples=400)
_IMDB = ExtraTask("text", (256,), num_classes=2, num_samples=200, vocab_size=10_000)
_AG_NEWS = ExtraTask("text", (64,), num_classes=4, num_samples=960, vocab_size=10_000)
_DIGITS = ExtraTask("image", (8, 8, 1), num_classes=10, num_samples=116)
_CELLS = {
    "resnet34": _CIFAR10,
    "vgg11": _CIFAR10,
    "textcnn": _IMDB,
    "att_blstm": _AG_NEWS,
}


@dataclass(frozen=True)
class Config(Options):
    """What is measured."""

    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Small sizes, to see that everything works."""
    training: bool = True
    """Whether training with the extra task is compared with training without, by whole runs."""


def main() -> None:
    """Measure, show, and write where asked to."""
    config = tyro.cli(Config, prog="python -m benchmarks.verify", description=__doc__)
    console = Console()
    measured: dict[str, Any] = {
        "generation": measure_generation(config),
        "verify": measure_verify(config),
    }
    if config.training:
        measured["extra"] = measure_extra(config.rounds, quick=config.quick)
    for table in tables(measured):
        console.print(table)
    if config.json is not None:
        options = {k: v for k, v in asdict(config).items() if k != "json"}
        write(config.json, "benchmarks.verify", options, measured)


def measure_generation(config: Config) -> list[dict[str, Any]]:
    """Generation against random bits and against a copy, each of as many bytes."""
    small = {"image": _CIFAR10, "text": _IMDB, "vector": ExtraTask("vector", (32,), 10, 400)}
    sizes = {"image": 20_000, "text": 20_000, "vector": 200_000}
    tasks = list(small.values())
    if not config.quick:
        tasks += [replace(task, num_samples=sizes[kind]) for kind, task in small.items()]
    return [_measure_task(task, config.rounds) for task in tasks]


def _measure_task(task: ExtraTask, rounds: int) -> dict[str, Any]:
    source = np.array(generate(_KEY, task).features)
    target = np.empty_like(source)
    shape = (source.nbytes // 4,)
    bits = jax.jit(lambda key: jax.random.bits(key, shape, jnp.uint32))
    timings = alternate(
        {
            "generate": lambda: jax.block_until_ready(generate(_KEY, task)),
            "bits": lambda: jax.block_until_ready(bits(_KEY)),
            "copy": lambda: np.copyto(target, source),
        },
        rounds=rounds,
        min_seconds=0.1,
    )
    speeds = {name: source.nbytes / timing.median / 1e9 for name, timing in timings.items()}
    return {
        "kind": task.kind,
        "shape": list(task.shape),
        "num_samples": task.num_samples,
        "bytes": source.nbytes,
        "time": {name: timing.to_dict() for name, timing in timings.items()},
        "GB/s": speeds,
        "generate over bits": timings["generate"].over(timings["bits"]).to_dict(),
        "generate over copy": timings["generate"].over(timings["copy"]).to_dict(),
    }


def measure_verify(config: Config) -> list[dict[str, Any]]:
    """Verification when warm against the forward pass of the same samples."""
    cells = {"digits_cnn": _DIGITS} if config.quick else _CELLS
    return [_measure_model(name, task, config.rounds) for name, task in cells.items()]


def _measure_model(name: str, task: ExtraTask, rounds: int) -> dict[str, Any]:
    module = models.create(name, num_classes=task.num_classes, vocab_size=task.vocab_size)
    features = generate(_KEY, task).features
    variables = jax.jit(module.init)(_KEY, features[:1])
    model = TrainedModel(variables, models.Inference(module), task)
    timings = alternate(_verify_candidates(model, features), rounds=rounds)
    forward = timings["forward"]
    ratios = {n: t.over(forward).to_dict() for n, t in timings.items() if n != "forward"}
    return {
        "model": name,
        "num_samples": task.num_samples,
        "time": {n: t.to_dict() for n, t in timings.items()},
        "over forward": ratios,
    }


def _verify_candidates(model: TrainedModel, features: Any) -> dict[str, Callable[[], object]]:
    # The forward pass in the batches of 512 that verify makes.
    forward, jitted = jax.jit(model.apply), jax.jit(count)
    batches = [features[start : start + 512] for start in range(0, len(features), 512)]
    return {
        "forward": lambda: jax.block_until_ready([forward(model.variables, b) for b in batches]),
        "verify": lambda: verify(model, _KEY),
        "jitted": lambda: jax.block_until_ready(jitted(model, _KEY)),
    }


def tables(measured: dict[str, Any]) -> list[Table]:
    """What was measured, for the terminal."""
    generation = _table("Generation, GB/s", "task", "N", "generate", "random bits", "copy")
    for row in measured["generation"]:
        speeds = [f"{row['GB/s'][name]:.2f}" for name in ("generate", "bits", "copy")]
        generation.add_row(row["kind"], f"{row['num_samples']:,}", *speeds)
    checks = _table(
        "Verification when warm", "model", "N", "forward ms", "verify over it", "jitted count"
    )
    for row in measured["verify"]:
        ratios = [f"{row['over forward'][name]['median']:.3f}" for name in ("verify", "jitted")]
        milliseconds = f"{row['time']['forward']['median'] * 1e3:.1f}"
        checks.add_row(row["model"], str(row["num_samples"]), milliseconds, *ratios)
    if "extra" not in measured:
        return [generation, checks]
    extra = measured["extra"]
    cost = _table("Training with --extra over training without", "", "ratio")
    cost.add_row("samples", f"{1 + extra['eta']:.4f}")
    for name in ("steps", "run"):
        cost.add_row(name, f"{extra[f'{name} over baseline']['median']:.4f}")
    return [generation, checks, cost]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    return table


if __name__ == "__main__":
    main()
