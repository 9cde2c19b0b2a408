"""A convolution by every lowering that can compute it, at the shapes of resnet34 and vgg11.

    python -m benchmarks.convolution --json results/benchmarks/convolution.json

Output and both gradients, as in training. ``jaxverify.layers.convolution.choose`` decides by what
this shows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.measure import alternate
from jaxverify.layers.convolution import choose, conv, geometry
from jaxverify.layers.lowerings import LOWERINGS, out_sizes
from jaxverify.layers.winograd import fits
from train.memory import keep_freed_memory

# Image, window, stride, channels and features; all images square, padded by half the window.
SHAPES = {
    f"{w}x{w}, stride {s}, {c} to {f} at {n}x{n}": (n, w, s, c, f)
    for n, w, s, c, f in [
        (32, 3, 1, 3, 64),
        (32, 7, 2, 3, 64),
        (16, 3, 1, 64, 128),
        (8, 3, 1, 64, 64),
        (8, 3, 2, 64, 128),
        (8, 1, 2, 64, 128),
        (8, 3, 1, 256, 256),
        (4, 3, 1, 512, 512),
        (2, 3, 1, 256, 256),
        (2, 3, 1, 512, 512),
        (1, 3, 1, 512, 512),
    ]
}


@dataclass(frozen=True)
class Config(results.Options):
    """What to measure."""

    rounds: int = 3
    """How many times each candidate is timed."""
    batch_size: int = 128
    """Images in the batch."""
    quick: bool = False
    """Only see that it runs: two shapes, 4 images, one round."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    keep_freed_memory()  # as the training scripts do
    shapes = list(SHAPES)
    if config.quick:
        config, shapes = replace(config, rounds=1, batch_size=4), shapes[-2:]
    measured = results.measure_each(
        shapes, partial(measure, config), "benchmarks.convolution", config
    )
    Console().print(table(measured))


def measure(config: Config, name: str) -> dict[str, Any]:
    """One shape: the time of every lowering, and the one that is chosen on a CPU."""
    n, window, stride, channels, features = SHAPES[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((config.batch_size, n, n, channels), np.float32)
    kernel = jnp.asarray(rng.standard_normal((window, window, channels, features), np.float32))
    strides, pads = geometry((n, n), (window, window), stride, window // 2)
    out = out_sizes((n, n), (window, window), strides, pads)
    g = rng.standard_normal((config.batch_size, *out, features), np.float32)
    arguments = jax.device_put((x, kernel, g))

    def candidate(lowering: Any) -> Callable[[], object]:
        def run(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
            by = partial(conv, strides=strides, padding=pads, lowering=lowering)
            y, pull = jax.vjp(by, x, kernel)
            return y, pull(g)

        program = jax.jit(run)
        return lambda: jax.block_until_ready(program(*arguments))

    possible = [
        key for key in LOWERINGS if key != "winograd" or fits(kernel.shape[:2], strides, pads)
    ]
    times = alternate({key: candidate(key) for key in possible}, rounds=config.rounds, warmup=1)
    chosen = choose(kernel, strides, pads, out, "cpu")
    return {
        "seconds": {key: time.to_dict() for key, time in times.items()},
        "over_chosen": {key: time.over(times[chosen]).to_dict() for key, time in times.items()},
        "chosen": chosen,
    }


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """One row a shape: milliseconds of every lowering."""
    made = Table("milliseconds", *LOWERINGS, "chosen")
    for name, one in measured.items():
        times = [one["seconds"].get(key) for key in LOWERINGS]
        made.add_row(name, *(f"{1e3 * t['median']:.1f}" if t else "" for t in times), one["chosen"])
    return made


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
