"""One training step: ours, stock Flax's and PyTorch's, on equal work.

    python -m benchmarks.train_step --json results/benchmarks/train_step.json

All begin with the same parameters and take the same batch in float32, with the same optimizer and
loss, on all cores. Each candidate has a process of its own, and they step in turn. "PyTorch" is the
best median of its memory formats, eager and compiled, with its allocator as it comes; "PyTorch,
memory kept" that of the eager ones with an allocator that is told what our scripts tell theirs.
Before anything is timed the logits of all must be the same.
"""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import operations, results, stock_layers, train_step_jax
from benchmarks.measure import Timing, alternate
from benchmarks.workers import Worker
from jaxverify import Samples, models
from jaxverify.models.inputs import normalise

OURS, STOCK, PEAK = "ours", "stock Flax", "matrix product"
TORCH, TORCH_KEPT = "PyTorch", "PyTorch, memory kept"
PRODUCT = 2048  # rows and columns of the matrices by which the peak is measured
HAS_TORCH = find_spec("torch") is not None


@dataclass(frozen=True)
class Config(results.Options):
    """What to measure."""

    models: tuple[str, ...] = ("resnet34", "vgg11", "textcnn", "att_blstm")
    """The networks, by name."""
    batch_size: int | None = None
    """Samples in the batch; by default 128 images or 64 texts."""
    length: int = 256
    """Words of a text."""
    compiled: bool = True
    """Whether torch.compile is tried too; it takes a minute for each candidate."""
    quick: bool = False
    """Only see that it runs: textcnn, 4 short texts, one round."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    if config.quick:
        quick = {"rounds": 1, "models": ("textcnn",), "batch_size": 4, "length": 16}
        config = replace(config, **quick, compiled=False)
    stock_layers.use()  # in this process, which measures nothing
    measured = results.measure_each(
        config.models, partial(measure, config), "benchmarks.train_step", config
    )
    Console().print(table(measured))


def measure(config: Config, name: str) -> dict[str, Any]:
    """One network: every candidate's time, and the ratios that count."""
    text = name in models.TEXT_MODELS
    rng, n = np.random.default_rng(0), config.batch_size or (64 if text else 128)
    if text:
        features = rng.integers(0, 10_000, (n, config.length)).astype(np.int32)
    else:
        features = rng.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)
    batch = Samples(features, rng.integers(0, 2 if text else 10, n).astype(np.int32))
    module = train_step_jax.network(name)
    variables = jax.device_get(jax.jit(module.init)(jax.random.key(0), features[:1]))
    count = operations.of_training_step(module.apply, variables, features)
    with ExitStack() as stack:
        candidates = {PEAK: Worker(train_step_jax.make_product, PRODUCT)}
        candidates[OURS] = Worker(train_step_jax.make_step, name, batch, False, True)
        candidates["ours, memory not kept"] = Worker(
            train_step_jax.make_step, name, batch, False, False
        )
        candidates[STOCK] = Worker(train_step_jax.make_step, name, batch, True, False)
        if HAS_TORCH:
            candidates |= _torch(name, variables, batch, config.compiled)
        for worker in candidates.values():
            stack.enter_context(worker)
        times = alternate(candidates, rounds=config.rounds)
    return {
        "batch_size": n,
        "operations": count,
        "operations_per_second": count / times[OURS].median,
        "peak_operations_per_second": 2 * PRODUCT**3 / times[PEAK].median,
        "seconds": {key: time.to_dict() for key, time in times.items()},
        "speed_of_ours_over": _ratios(times),
    }


def _torch(name: str, variables: Any, batch: Samples, compiled: bool) -> dict[str, Worker]:
    from benchmarks import train_step_torch

    text = name in models.TEXT_MODELS
    ours = train_step_jax.network(name).apply(variables, batch.features)
    if not text:
        batch = batch._replace(features=np.array(normalise(jnp.asarray(batch.features))))
    theirs = train_step_torch.logits(name, variables, batch)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
    return {
        f"{title}: {'channels last, ' if last else ''}{'compiled' if fused else 'eager'}": Worker(
            train_step_torch.make_step, name, variables, batch, last, fused, kept
        )
        for title, kept in ((TORCH, False), (TORCH_KEPT, True))
        for last in ((False,) if text else (False, True))
        for fused in ((False, True) if compiled and not kept else (False,))
    }


def _ratios(times: dict[str, Timing]) -> dict[str, Any]:
    others = {STOCK: times[STOCK]}
    for title in (TORCH, TORCH_KEPT):
        variants = [time for key, time in times.items() if key.startswith(f"{title}:")]
        if variants:
            others[title] = min(variants, key=lambda time: time.median)
    return {key: time.over(times[OURS]).to_dict() for key, time in others.items()}


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """One column a network: every candidate's samples per second, then ours over theirs."""
    made = Table("samples per second", *measured)
    for key in dict.fromkeys(key for one in measured.values() for key in one["seconds"]):
        if key != PEAK:
            seconds = [one["seconds"].get(key) for one in measured.values()]
            sizes = [one["batch_size"] for one in measured.values()]
            pairs = zip(sizes, seconds, strict=True)
            made.add_row(key, *(f"{n / s['median']:.1f}" if s else "" for n, s in pairs))
    made.add_section()
    for key in dict.fromkeys(key for one in measured.values() for key in one["speed_of_ours_over"]):
        ratios = [one["speed_of_ours_over"][key] for one in measured.values()]
        shown = (f"{r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f})" for r in ratios)
        made.add_row(f"ours over {key}", *shown)
    rates = [
        (one["operations_per_second"], one["peak_operations_per_second"])
        for one in measured.values()
    ]
    made.add_row("share of the peak", *(f"{ours / peak:.0%}" for ours, peak in rates))
    if not HAS_TORCH:
        made.caption = "PyTorch is left out: pip install 'jaxverify\\[benchmark]'"
    return made


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
