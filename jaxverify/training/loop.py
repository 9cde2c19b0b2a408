"""The loop: an epoch after the other, and what the network answers after each."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.samples import Samples
from jaxverify.training.augment import AUGMENTATIONS
from jaxverify.training.batches import batches, take
from jaxverify.training.inference import Predict, logits
from jaxverify.training.recipe import Recipe


def train_iter(
    recipe: Recipe, module: nn.Module, dataset: Samples, num_classes: int, key: jax.Array
) -> Iterator[Predict]:
    """Train, and yield after each epoch a function from features to logits.

    Args:
        recipe: how.
        module: the network, of ``recipe`` or another.
        dataset: what to train on, on the host; a batch of samples at least.
        num_classes: C.
        key: typed, scalar.

    Raises:
        UserError: if there are fewer samples than a batch has.

    Guarantee: on one machine the same arguments give the same answers.
    """
    size = len(dataset.labels)
    steps = size // recipe.batch_size
    if not steps:
        raise UserError(
            f"there are {size} samples and a batch has {recipe.batch_size}: give more of them, or "
            "smaller batches"
        )
    variables = dict(_init(module, keys.stream(key, "initial"), dataset.features[:1]))
    params = variables.pop("params")
    state = params, variables, recipe.optimizer_of_unit_rate().init(params)
    rows = batches(size, recipe.batch_size, keys.stream(key, "batches"))
    step_key, num_steps = keys.stream(key, "steps"), recipe.epochs * steps
    for epoch in range(recipe.epochs):
        for number in range(epoch * steps, (epoch + 1) * steps):
            rate = np.float32(recipe.learning_rate * (1 + np.cos(np.pi * number / num_steps)) / 2)
            batch = take(dataset, next(rows))
            state = _step(
                recipe, module, num_classes, *state, batch, step_key, np.int32(number), rate
            )
        yield partial(logits, module, {"params": state[0], **state[1]})


@partial(jax.jit, static_argnums=0)
def _init(module: nn.Module, key: jax.Array, features: Any) -> Any:
    return module.init(key, features)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _step(
    recipe: Recipe,
    module: nn.Module,
    num_classes: int,
    params: Any,
    statistics: Any,
    opt_state: Any,
    batch: Samples,
    key: jax.Array,
    number: Any,
    rate: Any,
) -> tuple[Any, Any, Any]:
    augment_key, mix_key, dropout_key = jax.random.split(jax.random.fold_in(key, number), 3)
    features = AUGMENTATIONS[recipe.augment].apply(augment_key, jnp.asarray(batch.features))
    targets = optax.smooth_labels(
        jax.nn.one_hot(batch.labels, num_classes, dtype=jnp.float32), recipe.label_smoothing
    )
    if recipe.mixup:
        features, targets = _mixed(mix_key, recipe.mixup, features, targets)

    def loss_fn(params: Any) -> tuple[jax.Array, Any]:
        outputs, changed = module.apply(
            {"params": params, **statistics},
            features,
            train=True,
            rngs={"dropout": dropout_key},
            mutable=list(statistics),
        )
        return optax.softmax_cross_entropy(jnp.asarray(outputs), targets).mean(), changed

    grads, changed = jax.grad(loss_fn, has_aux=True)(params)
    updates, opt_state = recipe.optimizer_of_unit_rate().update(grads, opt_state, params)
    updates = jax.tree.map(lambda update: rate * update, updates)
    return optax.apply_updates(params, updates), changed, opt_state


def _mixed(
    key: jax.Array, alpha: float, features: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Each sample and its target with those of another one (Zhang et al., 2018)."""
    weight_key, pair_key = jax.random.split(key)
    weight = jax.random.beta(weight_key, alpha, alpha, dtype=jnp.float32)
    pair = jax.random.permutation(pair_key, len(targets))

    def mix(x: jax.Array) -> jax.Array:
        return (weight * x + (1 - weight) * x[pair]).astype(x.dtype)

    return mix(features), mix(targets)
