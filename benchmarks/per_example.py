"""Norms of single samples' gradients: ours against Opacus and torch.func, by one batch gradient.

    python -m benchmarks.per_example --json results/benchmarks/per_example.json

Every time is divided by that of one ordinary gradient of the batch's mean loss in JAX, taken in
the same round. Before anything is timed, all candidates must give the same norms.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.measure import Timing, alternate
from jaxverify import models
from jaxverify.gradients import per_example_norms
from jaxverify.models.inputs import normalise
from train.memory import keep_freed_memory

VOCAB_SIZE = 10_000
MICROBATCH_SIZE = 8
BATCH_GRADIENT = "batch gradient"
HAS_TORCH = all(find_spec(name) for name in ("torch", "opacus"))


@dataclass(frozen=True)
class Config(results.Options):
    """What to measure."""

    models: tuple[str, ...] = ("resnet34", "vgg11", "textcnn", "att_blstm")
    """The networks, by name."""
    batch_size: int | None = None
    """Samples in the batch; by default 128 images or 64 texts."""
    length: int = 256
    """Words of a text."""
    quick: bool = False
    """Only see that it runs: textcnn, 4 short texts, one round."""


def main(config: Config) -> None:
    """Measure, print a table, and write what was asked for."""
    keep_freed_memory()  # as our scripts do; PyTorch, in this process too, gains as much
    if config.quick:
        quick = {"rounds": 1, "models": ("textcnn",), "batch_size": 4, "length": 16}
        config = replace(config, **quick)
    measured = results.measure_each(
        config.models, partial(measure, config), "benchmarks.per_example", config
    )
    Console().print(table(measured))


def measure(config: Config, name: str) -> dict[str, Any]:
    """One network: every candidate's time, alone and over the batch gradient's and ghost's."""
    text = name in models.TEXT_MODELS
    num_classes = 2 if text else 10
    module = models.create(name, num_classes=num_classes, vocab_size=VOCAB_SIZE)
    keys = jax.random.split(jax.random.key(0), 3)
    n = config.batch_size or (64 if text else 128)
    if text:
        x = jax.random.randint(keys[0], (n, config.length), 0, VOCAB_SIZE)
    else:
        x = jax.random.bits(keys[0], (n, 32, 32, 3), jnp.uint8)
    labels = jax.random.randint(keys[1], (n,), 0, num_classes)
    variables = jax.jit(module.init)(keys[2], x)

    def loss(params: Any, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        logits = module.apply({**variables, "params": params}, batch[0])
        return optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(logits), batch[1])

    norms = partial(per_example_norms, loss)
    programs = {
        BATCH_GRADIENT: jax.grad(lambda params, batch: jnp.mean(loss(params, batch))),
        "ghost": partial(norms, method="ghost"),
        "vmap": partial(norms, microbatch_size=MICROBATCH_SIZE),
    }
    arguments = variables["params"], (x, labels)
    compiled = {key: jax.jit(f).lower(*arguments).compile() for key, f in programs.items()}
    candidates: dict[str, Callable[[], Any]] = {
        key: partial(_run, function, arguments) for key, function in compiled.items()
    }
    fallback = []
    if HAS_TORCH:
        from benchmarks import per_example_torch

        read = x if text else normalise(x)
        candidates |= per_example_torch.candidates(
            name, variables, np.asarray(read), np.asarray(labels), MICROBATCH_SIZE
        )
        fallback = per_example_torch.without_ghost_rule(name, variables)
    _check_norms(name, candidates)
    times = alternate(candidates, rounds=config.rounds)
    return {
        "batch_size": n,
        "seconds": {key: time.to_dict() for key, time in times.items()},
        "over_batch_gradient": _over(BATCH_GRADIENT, times),
        "over_ghost": _over("ghost", times),
        "temporary_bytes": {
            key: analysis.temp_size_in_bytes
            for key, program in compiled.items()
            if (analysis := program.memory_analysis())  # not every backend has one
        },
        "parameter_bytes": 4 * sum(leaf.size for leaf in jax.tree.leaves(arguments[0])),
        "opacus_ghost_forms_gradients_of": fallback,
    }


def table(measured: dict[str, dict[str, Any]]) -> Table:
    """One column a network: the batch gradient's time, and what each candidate takes of it."""
    made = Table("", *measured, title="Time over that of one batch gradient in JAX")
    seconds = [one["seconds"][BATCH_GRADIENT]["median"] for one in measured.values()]
    made.add_row(BATCH_GRADIENT, *(f"{value:.3f} s" for value in seconds), end_section=True)
    for key in dict.fromkeys(
        key for one in measured.values() for key in one["over_batch_gradient"]
    ):
        ratios = [one["over_batch_gradient"][key] for one in measured.values()]
        made.add_row(key, *(f"{r['median']:.2f} ({r['min']:.2f}-{r['max']:.2f})" for r in ratios))
    if not HAS_TORCH:
        made.caption = "Opacus and torch.func are left out: pip install 'jaxverify[benchmark]'"
    return made


def _run(program: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return jax.block_until_ready(program(*arguments))


def _over(base: str, times: dict[str, Timing]) -> dict[str, Any]:
    return {key: time.over(times[base]).to_dict() for key, time in times.items() if key != base}


def _check_norms(name: str, candidates: dict[str, Callable[[], Any]]) -> None:
    expected = np.asarray(candidates["vmap"]())
    # The products of a GPU are TF32's, of ten bits.
    tolerance = 1e-3 if jax.default_backend() == "cpu" else 2e-2
    for key, norms in candidates.items():
        if key != BATCH_GRADIENT:
            message = f"{key} disagrees with vmap about the norms of {name}"
            np.testing.assert_allclose(norms(), expected, rtol=tolerance, err_msg=message)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
