"""What the backend at hand computes, against the CPU of the same machine.

    python -m benchmarks.numerics --json results/benchmarks/numerics.json

Logits, gradients and the norms of single samples' gradients, in JAX's default precision, TF32's on
a GPU, and in the highest; and the bytes of the extra task, which must be the same everywhere. The
CPU computes in float32. On a CPU it compares that with itself.
"""

from collections.abc import Callable
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
from jaxverify import ExtraTask, generate, models
from jaxverify.gradients import per_example_norms
from jaxverify.layers.bidirectional import by_scan

# The largest relative error that counts as rounding: for float32 through a deep network, and for
# products of factors with ten bits.
BOUNDS = {"highest": 1e-3, "default": 5e-2}
_WORDS, _VOCABULARY = 64, 10_000
_KEY = jax.random.key(0)


@dataclass(frozen=True)
class Config(results.Options):
    """What to compare."""

    models: tuple[str, ...] = ("resnet34", "vgg11", "textcnn", "att_blstm")
    """The networks, by name."""
    quick: bool = False
    """Only see that it runs: textcnn."""


def main(config: Config) -> int:
    """Compare, print a table, and write what was asked for.

    Returns:
        int: 0, or 1 where an error is larger than rounding, or a byte differs.
    """
    if config.quick:
        config = replace(config, models=("textcnn",))
    names = [*config.models, "extra task"]
    measured = results.measure_each(names, _compare, "benchmarks.numerics", config)
    console, bad = Console(), [name for name, one in measured.items() if not one["within"]]
    console.print(table(measured))
    if bad:
        console.print(f"beyond rounding: {', '.join(bad)}")
    return 1 if bad else 0


def _compare(name: str) -> dict[str, Any]:
    return _compare_bytes() if name == "extra task" else _compare_network(name)


def _compare_bytes() -> dict[str, Any]:
    tasks = [
        ExtraTask("image", (32, 32, 3), num_classes=10, num_samples=400),
        ExtraTask("text", (256,), num_classes=2, num_samples=200, vocab_size=_VOCABULARY),
        ExtraTask("vector", (32,), num_classes=4, num_samples=400),
    ]
    here = [jax.device_get(generate(_KEY, task)) for task in tasks]
    with _on_the_cpu():
        there = [jax.device_get(generate(_KEY, task)) for task in tasks]
    pairs = zip(jax.tree.leaves(here), jax.tree.leaves(there), strict=True)
    return {"within": all(a.tobytes() == b.tobytes() for a, b in pairs)}


def _compare_network(name: str) -> dict[str, Any]:
    text = name in models.TEXT_MODELS
    module = models.create(name, num_classes=10, vocab_size=_VOCABULARY if text else None)
    rng = np.random.default_rng(0)
    if text:
        features = rng.integers(0, _VOCABULARY, (16, _WORDS)).astype(np.int32)
    else:
        features = rng.integers(0, 256, (16, 32, 32, 3)).astype(np.uint8)
    batch = features, rng.integers(0, 10, 16).astype(np.int32)
    with _on_the_cpu():
        variables = jax.device_get(jax.jit(module.init)(_KEY, features))

    def losses(params: Any, batch: tuple[Any, Any]) -> jax.Array:
        logits = jnp.asarray(module.apply({**variables, "params": params}, batch[0]))
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch[1])

    quantities: dict[str, Callable[..., Any]] = {
        "logits": lambda params, batch: module.apply({**variables, "params": params}, batch[0]),
        "gradient": jax.grad(lambda params, batch: losses(params, batch).mean()),
        "norms by ghost": partial(per_example_norms, losses, method="ghost"),
        "norms by vmap": partial(per_example_norms, losses),
    }

    def compute(precision: str | None) -> dict[str, Any]:
        with jax.default_matmul_precision(precision):
            arguments = (variables["params"], batch)
            return {key: jax.device_get(jax.jit(f)(*arguments)) for key, f in quantities.items()}

    with _on_the_cpu(), by_scan():
        exact = compute("highest")
    exact["norms by ghost"] = exact["norms by vmap"]  # one truth for both
    errors = {
        title: {key: _error(value, exact[key]) for key, value in compute(precision).items()}
        for title, precision in (("highest", "highest"), ("default", None))
    }
    within = all(max(errors[title].values()) <= bound for title, bound in BOUNDS.items())
    return {"relative_error": errors, "within": within}


def _on_the_cpu() -> Any:
    return jax.default_device(jax.local_devices(backend="cpu")[0])


def _error(value: Any, exact: Any) -> float:
    """The norm of the difference over that of what is exact, all leaves together."""
    difference = optax.tree.norm(jax.tree.map(lambda a, b: np.asarray(a) - b, value, exact))
    return float(difference / optax.tree.norm(exact))


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """One row a network and precision: the relative error of each quantity."""
    quantities = ["logits", "gradient", "norms by ghost", "norms by vmap"]
    shown = Table("", "precision", *quantities, title="Relative error against the CPU")
    for name, one in measured.items():
        for precision, errors in one.get("relative_error", {}).items():
            shown.add_row(name, precision, *(f"{errors[key]:.1e}" for key in quantities))
    equal = measured["extra task"]["within"]
    shown.caption = f"The bytes of the extra task are {'the same' if equal else 'DIFFERENT'}."
    return shown


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Config, description=__doc__)))
