"""One training step: ours, stock Flax's and PyTorch's, on equal work.

    python -m benchmarks.train_step --json results/benchmarks/train_step.json

All begin with the same parameters and take the same batch in the same precision, with the same
optimizer and loss, on all cores or on the first GPU. Each candidate has a process of its own, and
they step in turn. "PyTorch" is the best median of its memory formats, eager, compiled and, on a
GPU, as a CUDA graph, with its allocator as it comes; "PyTorch, memory kept", on a CPU, that of the
eager ones with an allocator that is told what our scripts tell theirs. A call is one step on a CPU
and a hundred on a GPU, where our scripts take many in one program. Before anything is timed the
logits of all must be the same.
"""

import os
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
from benchmarks.train_step_jax import Precision
from benchmarks.workers import Worker
from jaxverify import Samples, models
from jaxverify.layers.bidirectional import by_scan
from jaxverify.models.inputs import normalise

OURS, STOCK, PEAK = "ours", "stock Flax", "matrix product"
TORCH, TORCH_KEPT = "PyTorch", "PyTorch, memory kept"
# The size of the matrices whose product measures the peak, and the steps of a call.
_CPU, _GPU = {"product": 2048, "steps": 1}, {"product": 8192, "steps": 100}
# Other settings of XLA's command buffers on a GPU.
_BUFFERS = {
    "ours, no command buffers": "--xla_gpu_enable_command_buffer=",
    "ours, more command buffers": "--xla_gpu_enable_command_buffer=+WHILE,+CONVOLUTION",
}
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
    precision: Precision = "float32"
    """Of the computation; on a GPU products of float32 are TF32's."""
    compiled: bool = True
    """Whether torch.compile is tried too; it takes a minute for each candidate."""
    quick: bool = False
    """Only see that it runs: textcnn, 4 short texts, one round."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    # Every candidate has its process, and none may take the whole of a GPU's memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
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
    on_gpu = jax.default_backend() != "cpu"
    product, steps = (_GPU if on_gpu else _CPU).values()
    module = train_step_jax.network(name, config.precision)
    variables = jax.device_get(jax.jit(module.init)(jax.random.key(0), features[:1]))
    with by_scan():  # whose products can be counted
        count = operations.of_training_step(module.apply, variables, features)

    def ours(stock: bool, kept: bool, xla_flags: str = "") -> Worker:
        arguments = (name, batch, stock, kept, config.precision, steps)
        return Worker(train_step_jax.make_step, *arguments, xla_flags=xla_flags)

    with ExitStack() as stack:
        candidates = {PEAK: Worker(train_step_jax.make_product, product)}
        candidates[OURS] = ours(stock=False, kept=True)
        if on_gpu:
            candidates |= {key: ours(False, True, flags) for key, flags in _BUFFERS.items()}
        else:
            candidates["ours, memory not kept"] = ours(stock=False, kept=False)
        candidates[STOCK] = ours(stock=True, kept=False)
        if HAS_TORCH:
            candidates |= _torch(config, name, variables, batch, steps)
        for worker in candidates.values():
            stack.enter_context(worker)
        failed = _drop_failing(candidates)
        times = alternate(candidates, rounds=config.rounds)
    return {
        "batch_size": n,
        "steps_per_call": steps,
        "operations": count,
        "operations_per_second": steps * count / times[OURS].median,
        "peak_operations_per_second": 2 * product**3 / times[PEAK].median,
        "seconds": {
            key: (time if key == PEAK else time.of_one(steps)).to_dict()
            for key, time in times.items()
        },
        "speed_of_ours_over": _ratios(times),
        "failed": failed,
    }


def _drop_failing(candidates: dict[str, Worker]) -> dict[str, str]:
    """The candidates that cannot take a step here, and why; they are not measured."""
    failed = {}
    for key in [key for key in candidates if key not in (OURS, STOCK, PEAK)]:
        try:
            candidates[key]()
        except RuntimeError as error:
            failed[key] = str(error).splitlines()[-1]
            del candidates[key]
    return failed


def _torch(
    config: Config, name: str, variables: Any, batch: Samples, steps: int
) -> dict[str, Worker]:
    from benchmarks import torch_models, train_step_torch

    text = name in models.TEXT_MODELS
    with jax.default_matmul_precision("highest"):  # PyTorch's logits are a CPU's
        ours = train_step_jax.network(name).apply(variables, batch.features)
    if not text:
        batch = batch._replace(features=np.array(normalise(jnp.asarray(batch.features))))
    theirs = train_step_torch.logits(name, variables, batch)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
    on_gpu = torch_models.DEVICE.type == "cuda"
    modes = ["eager", *(["graph"] if on_gpu else []), *(["compiled"] if config.compiled else [])]
    return {
        f"{title}: {'channels last, ' if last else ''}{mode}": Worker(
            train_step_torch.make_step,
            *(name, variables, batch, last, mode, kept, config.precision, steps),
        )
        for title, kept in ((TORCH, False), *([] if on_gpu else [(TORCH_KEPT, True)]))
        for last in ((False,) if text else (False, True))
        for mode in (["eager"] if kept else modes)
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
