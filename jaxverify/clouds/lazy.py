"""Lazy clouds: they look at nothing and compute less than was paid for."""

from functools import partial

import flax.linen as nn
import jax

from jaxverify import keys
from jaxverify.clouds.cloud import Budget, Cloud, Returned
from jaxverify.clouds.training import Descent, fit
from jaxverify.task.samples import Samples


def stop_early(
    dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array, *, share: float
) -> Returned:
    """Stops after this share of the epochs."""
    return fit(dataset, module, budget, key, epochs=share * budget.epochs).returned()


def fewer_data(
    dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array, *, share: float
) -> Returned:
    """Trains for all epochs, on the first part of what was uploaded."""
    size = round(share * len(dataset.labels))
    return fit(Samples(*(x[:size] for x in dataset)), module, budget, key).returned()


def small_learning_rate(
    dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array
) -> Returned:
    """All epochs at a thirtieth of the learning rate; saves nothing, and learns less."""
    return fit(dataset, module, budget, key, recipe=Descent(faster=1 / 30)).returned()


def frozen_backbone(
    dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array
) -> Returned:
    """A tenth of the epochs for the whole network, the others for its last layer alone."""
    start = fit(dataset, module, budget, key, epochs=0.1 * budget.epochs)
    rest = keys.stream(key, "head")
    recipe = Descent(head_only=True)
    return fit(
        dataset, module, budget, rest, epochs=0.9 * budget.epochs, recipe=recipe, start=start
    ).returned()


def older_model(earlier: Samples) -> Cloud:
    """A cloud that returns what it once trained on an earlier upload, and trains nothing."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        del dataset
        return fit(earlier, module, budget, key)._replace(cost=0.0).returned()

    return cloud


STOPS = {f"stop at {share:.0%}": partial(stop_early, share=share) for share in (0.1, 0.25, 0.5)}
