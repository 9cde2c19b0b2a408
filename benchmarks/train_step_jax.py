"""One training step in JAX, for ``benchmarks.train_step``: ours, or with Flax's own layers."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import stock_layers
from jaxverify import Samples, models
from jaxverify.training.augment import AUGMENTATIONS
from train.memory import keep_freed_memory
from train.mesh import DataMesh
from train.state import State, init_state
from train.steps import make_train_step

Precision = Literal["float32", "bfloat16"]


def network(name: str, precision: Precision = "float32") -> Any:
    """The network for so many classes and words as its data set has."""
    text = name in models.TEXT_MODELS
    return models.create(
        name,
        num_classes=2 if text else 10,
        vocab_size=10_000 if text else None,
        dtype=precision,
    )


def make_step(
    name: str, batch: Samples, stock: bool, kept: bool, precision: Precision, steps: int
) -> Callable[[], float]:
    """A function that takes the next steps of a training and returns the last one's loss.

    Args:
        name: of the network.
        batch: what every step trains on.
        stock: whether its layers are Flax's own.
        kept: whether the process keeps the memory that it frees, as our scripts do.
        precision: of the computation.
        steps: of one call; one program scans over them.
    """
    if kept:
        keep_freed_memory()
    if stock:
        stock_layers.use()
    module, mesh = network(name, precision), DataMesh(jax.devices()[:1])
    text = name in models.TEXT_MODELS
    optimizer = optax.adam(1e-3) if text else optax.sgd(0.01, momentum=0.9)
    state = mesh.replicate(init_state(jax.random.key(0), module, optimizer, batch.features[:1]))
    one_step = make_train_step(module, optimizer, AUGMENTATIONS["none"].apply)

    def many_steps(state: State, batch: Samples, key: jax.Array) -> tuple[State, jax.Array]:
        state, losses = jax.lax.scan(
            lambda state, _: one_step(state, batch, key), state, length=steps
        )
        return state, losses[-1]

    train_step = mesh.jit_train(one_step if steps == 1 else many_steps)
    # On a GPU the batch is there already, as it is for every candidate.
    batch, key = mesh.put(batch) if steps > 1 else batch, jax.random.key(1)

    def step() -> float:
        nonlocal state
        state, loss = train_step(state, batch if steps > 1 else mesh.put(batch), key)
        jax.block_until_ready(state)
        return float(loss)

    return step


def make_product(size: int) -> Callable[[], None]:
    """The product of two square matrices: what the machine can do at its best."""
    keep_freed_memory()
    matrix, product = jax.device_put(np.ones((size, size), np.float32)), jax.jit(jnp.matmul)

    def multiply() -> None:
        jax.block_until_ready(product(matrix, matrix))

    return multiply
