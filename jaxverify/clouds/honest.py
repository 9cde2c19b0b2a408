"""Honest clouds: each trains as long as was paid for, in a way that somebody could want."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxverify import keys
from jaxverify.clouds.cloud import Budget, Returned
from jaxverify.clouds.training import Descent, Fitted, fit, losses
from jaxverify.errors import UserError
from jaxverify.task.samples import Samples
from jaxverify.training.batches import take

_LIKE = 0.8  # of the values of two samples that are duplicates, by Jaccard's index
_OUTLIERS = 0.05  # the share that is taken for outliers
_PATIENCE = 5  # epochs without gain
_FIRST_LOOK = 0.1  # of the epochs, before losses are compared


def full(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """All epochs, cross-entropy, Adam: what the customer has in mind."""
    return fit(dataset, module, budget, key).returned()


def mixup(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Learns from mixtures of two images each.

    Raises:
        UserError: of text, whose token ids have no mixtures.
    """
    if np.issubdtype(dataset.features.dtype, np.int32):
        raise UserError("mixup mixes features, and token ids have no mixtures")
    return fit(dataset, module, budget, key, recipe=Descent(mixup=True)).returned()


def label_smoothing(
    dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array
) -> Returned:
    """Smooths labels by .1."""
    return fit(dataset, module, budget, key, recipe=Descent(loss=_smoothed)).returned()


def noise_robust(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Generalised cross-entropy, q = .7 (Zhang and Sabuncu, 2018), which resists wrong labels."""
    return fit(dataset, module, budget, key, recipe=Descent(loss=_generalised)).returned()


def early_stopping(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Holds a tenth out and keeps the epoch that does best there; stops after some without gain."""
    order = _order(key, len(dataset.labels))
    held_out, kept = np.split(order, [len(order) // 10])
    validation, train = take(dataset, held_out), take(dataset, kept)
    best: tuple[float, int, Fitted] | None = None
    fitted = None
    for epoch in range(round(budget.epochs)):
        epoch_key = keys.stream(key, f"epoch {epoch}")
        fitted = fit(train, module, budget, epoch_key, epochs=1, start=fitted)
        fitted = fitted._replace(cost=fitted.cost + len(held_out))
        loss = losses(fitted.predict(validation.features), validation.labels).mean()
        if best is None or loss < best[0]:
            best = loss, epoch, fitted
        if epoch - best[1] == _PATIENCE:
            break
    if best is None or fitted is None:
        raise UserError(f"epochs is {budget.epochs}; early stopping needs at least one")
    return Returned(best[2].predict, fitted.cost)


def dp_sgd(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Differentially private gradients: clipped to norm 1 each, noise .5 times that added."""
    return fit(dataset, module, budget, key, recipe=PRIVATE).returned()


def pruning(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Trains, and sets the smaller half of each weight matrix to zero."""

    def prune(weights: jax.Array) -> jax.Array:
        return jnp.where(jnp.abs(weights) < jnp.median(jnp.abs(weights)), 0, weights)

    return _changed(fit(dataset, module, budget, key), prune).returned()


def quantisation(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Trains, and rounds each weight matrix to the 255 steps of a signed byte."""

    def quantise(weights: jax.Array) -> jax.Array:
        scale = jnp.abs(weights).max() / 127
        return jnp.round(weights / scale) * scale

    return _changed(fit(dataset, module, budget, key), quantise).returned()


def deduplication(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Trains on one of each group of near duplicates: Jaccard's index at least .8, by position."""
    kept: list[int] = []
    rows = dataset.features.reshape(len(dataset.labels), -1)
    least = 2 * _LIKE / (1 + _LIKE)  # equal values of d, where |A and B| / |A or B| is as much
    for i, row in enumerate(rows):
        if not kept or (rows[kept] == row).mean(1).max() < least:
            kept.append(i)
    return fit(take(dataset, np.array(kept)), module, budget, key).returned()


def outlier_filter(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """Takes a first look, drops the twentieth with the highest losses, trains on the others."""
    look = fit(
        dataset, module, budget, keys.stream(key, "look"), epochs=_FIRST_LOOK * budget.epochs
    )
    order = np.argsort(losses(look.predict(dataset.features), dataset.labels), kind="stable")
    kept = order[: round((1 - _OUTLIERS) * len(order))]
    fitted = fit(take(dataset, kept), module, budget, keys.stream(key, "training"))
    return fitted._replace(cost=fitted.cost + look.cost + len(order)).returned()


def _smoothed(
    logits: Float[Array, "n num_classes"], targets: Float[Array, "n num_classes"]
) -> Float[Array, " n"]:
    return optax.softmax_cross_entropy(logits, optax.smooth_labels(targets, 0.1))


def _generalised(
    logits: Float[Array, "n num_classes"], targets: Float[Array, "n num_classes"]
) -> Float[Array, " n"]:
    log_share = (jax.nn.log_softmax(logits) * targets).sum(-1)
    return (1 - jnp.exp(0.7 * log_share)) / 0.7


def _private(learning_rate: float) -> optax.GradientTransformation:
    private = optax.contrib.differentially_private_aggregate(1.0, 0.5, key=jax.random.key(0))
    return optax.chain(private, optax.adam(learning_rate))


PRIVATE = Descent(optimizer=_private, per_example=True)


def _changed(fitted: Fitted, change) -> Fitted:
    """The same network with its matrices, not its biases, changed."""
    params = jax.tree.map(lambda w: change(w) if w.ndim > 1 else w, fitted.variables["params"])
    return fitted._replace(variables={**fitted.variables, "params": params})


def _order(key: jax.Array, size: int) -> np.ndarray:
    return np.asarray(jax.random.permutation(keys.stream(key, "order of samples"), size))
