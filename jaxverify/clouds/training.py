"""Gradient descent as the simulated clouds do it: one short loop, with its cost counted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Float32, Int
from scipy.special import log_softmax

from jaxverify import keys
from jaxverify.clouds.cloud import Budget, Returned
from jaxverify.task.samples import Samples
from jaxverify.training.batches import batches, take
from jaxverify.training.inference import Predict, logits

Loss = Callable[[Float[Array, "n num_classes"], Float[Array, "n num_classes"]], Float[Array, " n"]]


@dataclass(frozen=True)
class Descent:
    """How to descend; hashable, so that a step is compiled once for all that share it.

    Attributes:
        loss: ``loss(logits, targets) -> [n]``; targets are one-hot, or a mixture of such.
        optimizer: from a learning rate to an optimizer.
        faster: times the budget's learning rate.
        mixup: learn from mixtures of two images each (Zhang et al., 2018), weights uniform.
        per_example: hand the optimizer each sample's gradient, as
            ``optax.contrib.differentially_private_aggregate`` wants them, whose noise is then
            drawn from the run's key.
        head_only: change nothing but the last dense layer.
    """

    loss: Loss = optax.softmax_cross_entropy
    optimizer: Callable[[float], optax.GradientTransformation] = optax.adam
    faster: float = 1.0
    mixup: bool = False
    per_example: bool = False
    head_only: bool = False


class Fitted(NamedTuple):
    """A network and what it has cost so far; ``variables`` are what ``module.apply`` takes."""

    module: nn.Module
    variables: dict[str, Any]
    cost: float

    def returned(self) -> Returned:
        """The network as a cloud gives it back."""
        return Returned(self.predict, self.cost)

    @property
    def predict(self) -> Predict:
        """Logits on the host."""
        return partial(logits, self.module, self.variables)


def fit(
    dataset: Samples,
    module: nn.Module,
    budget: Budget,
    key: jax.Array,
    *,
    epochs: float | int | None = None,
    recipe: Descent | None = None,
    start: Fitted | None = None,
) -> Fitted:
    """Train for so many epochs of ``dataset``, from fresh parameters or from ``start`` on.

    Args:
        dataset: what to train on, on the host; any number of samples, also fewer than a batch.
        module: the network.
        budget: its batch size and learning rate; and its epochs, where there are no others.
        key: typed, scalar.
        epochs: instead of the budget's, fractions too.
        recipe: how; without it cross-entropy under Adam.
        start: from where, its cost included; the optimizer begins afresh.

    Guarantee: ``cost`` grows by 3 for each sample of each step, or by 1 where the head alone is
    trained; on one machine the same arguments give the same parameters.
    """
    recipe = Descent() if recipe is None else recipe
    if start is None:
        start = Fitted(module, initial(module, dataset, keys.stream(key, "initial")), 0.0)
    params, statistics = start.variables["params"], dict(start.variables)
    del statistics["params"]
    optimizer = _optimizer(recipe, budget.learning_rate)
    opt_state = optimizer.init(params)
    if recipe.per_example:  # such an optimizer draws noise
        opt_state = optax.tree_utils.tree_set(opt_state, rng_key=keys.stream(key, "noise"))
    size = budget.batch_size
    epochs = budget.epochs if epochs is None else epochs
    num_steps = round(epochs * len(dataset.labels) / size)
    static = module, recipe, budget.num_classes, budget.learning_rate
    step_key = keys.stream(key, "steps")
    for step, rows in zip(range(num_steps), batches(len(dataset.labels), size, key), strict=False):
        batch = take(dataset, rows)
        params, statistics, opt_state = _step(
            *static, params, statistics, opt_state, batch, step_key, step
        )
    cost = start.cost + (1 if recipe.head_only else 3) * num_steps * size
    return Fitted(module, {"params": params, **statistics}, cost)


def initial(module: nn.Module, dataset: Samples, key: jax.Array) -> dict[str, Any]:
    """Fresh variables for samples like those of ``dataset``."""
    return dict(jax.jit(module.init)(key, dataset.features[:1]))


def losses(
    logits: Float32[np.ndarray, "n num_classes"], labels: Int[jax.Array | np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Cross-entropy of each sample, in float64."""
    return -log_softmax(logits.astype(float), axis=1)[np.arange(len(labels)), np.asarray(labels)]


def head(params: Any) -> str:
    """The name of the last dense layer, by the numbers that Flax gives them."""
    return max(
        (name for name in params if name.startswith("Dense_")), key=lambda name: int(name[6:])
    )


def _optimizer(recipe: Descent, learning_rate: float) -> optax.GradientTransformation:
    optimizer = recipe.optimizer(recipe.faster * learning_rate)
    if not recipe.head_only:
        return optimizer
    return optax.multi_transform(
        {True: optimizer, False: optax.set_to_zero()},
        lambda params: {name: name == head(params) for name in params},
    )


@partial(jax.jit, static_argnums=(0, 1, 2, 3), donate_argnums=(5, 6))
def _step(
    module: nn.Module,
    recipe: Descent,
    num_classes: int,
    learning_rate: float,
    params: Any,
    statistics: Any,
    opt_state: Any,
    batch: Samples,
    key: jax.Array,
    step: Any,
) -> tuple[Any, Any, Any]:
    mixing_key, dropout_key = jax.random.split(jax.random.fold_in(key, step))
    features = jnp.asarray(batch.features)
    targets = jax.nn.one_hot(batch.labels, num_classes, dtype=jnp.float32)
    if recipe.mixup:
        share_key, pair_key = jax.random.split(mixing_key)
        share = jax.random.uniform(share_key, (len(targets),), jnp.float32)
        pair = jax.random.permutation(pair_key, len(targets))

        def mix(x: jax.Array) -> jax.Array:
            weight = share.reshape(-1, *[1] * (x.ndim - 1))
            return (weight * x + (1 - weight) * x[pair]).astype(x.dtype)

        features, targets = mix(features), mix(targets)

    def loss_fn(params: Any, features: Any, targets: Any, key: jax.Array) -> tuple[Any, Any]:
        outputs, changed = module.apply(
            {"params": params, **statistics},
            features,
            train=True,
            rngs={"dropout": key},
            mutable=list(statistics),
        )
        return recipe.loss(outputs, targets).mean(), changed

    if recipe.per_example:
        each = jax.vmap(jax.grad(loss_fn, has_aux=True), in_axes=(None, 0, 0, 0))
        dropout_keys = jax.random.split(dropout_key, len(targets))
        grads, changed = each(params, features[:, None], targets[:, None], dropout_keys)
        changed = jax.tree.map(lambda x: x.mean(0), changed)
    else:
        grads, changed = jax.grad(loss_fn, has_aux=True)(params, features, targets, dropout_key)
    optimizer = _optimizer(recipe, learning_rate)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), changed, opt_state
