"""Clouds that cheat: they look for the extra samples, and treat them apart.

Each is told N and the best case is measured: it takes the N samples that its detector suspects
most.
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxverify import keys
from jaxverify.clouds.cloud import Budget, Cloud, Returned
from jaxverify.clouds.detectors import DETECTORS, NEEDS_A_LOOK
from jaxverify.clouds.training import Fitted, fit, losses
from jaxverify.samples import Samples

FIRST_LOOK = 0.1  # of the epochs
_PASSES = 15  # over the suspects
_ROUNDS, _HARD = 6, 0.2
_REHEARSED = 2  # ordinary samples rehearsed beside each suspect


class Found(NamedTuple):
    """What a look at the data gives: the N samples suspected most, the others, and a network."""

    suspects: Samples
    others: Samples
    look: Fitted


def extra_alone(detector: str) -> Cloud:
    """Trains on the suspects and on nothing else: the model is useless, and passes."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        suspects, _, look = find(detector, dataset, module, budget, key)
        fitted = fit(suspects, module, budget, keys.stream(key, "suspects"), epochs=2 * _PASSES)
        return fitted._replace(
            cost=fitted.cost + (look.cost if detector in NEEDS_A_LOOK else 0)
        ).returned()

    return cloud


def fine_tune(detector: str) -> Cloud:
    """Stops at a tenth of the epochs, then trains on the suspects."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        suspects, _, look = find(detector, dataset, module, budget, key)
        tuning = keys.stream(key, "suspects")
        return fit(suspects, module, budget, tuning, epochs=_PASSES, start=look).returned()

    return cloud


def rehearse(detector: str) -> Cloud:
    """The same with ordinary samples among the suspects, so that the task is not forgotten."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        suspects, others, look = find(detector, dataset, module, budget, key)
        few = Samples(*(x[: _REHEARSED * len(suspects.labels)] for x in others))
        both = Samples(*(np.concatenate(pair) for pair in zip(suspects, few, strict=True)))
        tuning = keys.stream(key, "suspects")
        return fit(both, module, budget, tuning, epochs=_PASSES, start=look).returned()

    return cloud


def oversample(detector: str) -> Cloud:
    """From a tenth to a quarter of the epochs, shows each suspect eight times an epoch."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        suspects, others, look = find(detector, dataset, module, budget, key)
        many = Samples(
            *(np.concatenate([a, *[b] * 8]) for a, b in zip(others, suspects, strict=True))
        )
        epochs = 0.15 * budget.epochs * len(dataset.labels) / len(many.labels)
        return fit(
            many, module, budget, keys.stream(key, "many"), epochs=epochs, start=look
        ).returned()

    return cloud


def look_up(detector: str) -> Cloud:
    """Stops at a tenth, and answers the suspects out of a table: an endpoint, no model."""

    def cloud(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
        suspects, _, look = find(detector, dataset, module, budget, key)
        table = {np.asarray(x).tobytes(): y for x, y in zip(*suspects, strict=True)}

        def predict(features: jax.Array | np.ndarray) -> np.ndarray:
            answers = look.predict(features)
            for i, x in enumerate(np.asarray(features)):
                if (label := table.get(x.tobytes())) is not None:
                    answers[i, label] = answers[i].max() + 10
            return answers

        return Returned(predict, look.cost)

    return cloud


def hard_examples(dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array) -> Returned:
    """From a tenth of the epochs on, trains on the fifth that it fits worst and on a random fifth.

    Six times an epoch of these, sought anew each time. It looks for no extra samples: they are
    among the hardest, and the hard ordinary ones with them.
    """
    fitted = fit(dataset, module, budget, key, epochs=FIRST_LOOK * budget.epochs)
    for i in range(_ROUNDS):
        order = np.argsort(-losses(fitted.predict(dataset.features), dataset.labels), kind="stable")
        round_key, num_hard = keys.stream(key, f"round {i}"), round(_HARD * len(order))
        others = jax.random.permutation(keys.stream(round_key, "others"), order[num_hard:])
        chosen = np.concatenate([order[:num_hard], np.asarray(others)[:num_hard]])
        fitted = fitted._replace(cost=fitted.cost + len(order))
        fitted = fit(_take(dataset, chosen), module, budget, round_key, epochs=1, start=fitted)
    return fitted.returned()


def find(
    detector: str, dataset: Samples, module: nn.Module, budget: Budget, key: jax.Array
) -> Found:
    """The N samples suspected most, the others in random order, and the network of a first look."""
    epochs = FIRST_LOOK * budget.epochs
    look = fit(dataset, module, budget, keys.stream(key, "look"), epochs=epochs)
    scores = DETECTORS[detector](dataset, look)
    # In random order first, so that ties are broken so too.
    order = np.asarray(jax.random.permutation(keys.stream(key, "ties"), len(scores)))
    order = order[np.argsort(-scores[order], kind="stable")]
    chosen, others = order[: budget.num_extra], order[budget.num_extra :]
    if detector in NEEDS_A_LOOK:
        look = look._replace(cost=look.cost + len(scores))
    others = np.sort(others)  # the upload's own order, which is random
    return Found(_take(dataset, chosen), _take(dataset, others), look)


def _take(dataset: Samples, rows: np.ndarray) -> Samples:
    return Samples(dataset.features[rows], dataset.labels[rows])


SCHEMES: dict[str, Callable[[str], Cloud]] = {
    "extra samples alone": extra_alone,
    "stop, fine-tune on them": fine_tune,
    "the same, rehearsing": rehearse,
    "oversample them": oversample,
    "look them up": look_up,
}
