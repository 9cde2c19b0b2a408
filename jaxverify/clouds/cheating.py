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
from jaxverify.clouds.cloud import Budget, Returned
from jaxverify.clouds.detectors import DETECTORS, NEEDS_A_LOOK
from jaxverify.clouds.training import Fitted, fit, losses
from jaxverify.task.samples import Samples
from jaxverify.training.batches import take

FIRST_LOOK = 0.1  # of the epochs
_PASSES = 15  # over the suspects
_ROUNDS, _HARD = 6, 0.2
_REHEARSED = 2  # ordinary samples rehearsed beside each suspect


class Found(NamedTuple):
    """What a look at the data gives.

    Attributes:
        suspects: the N samples suspected most.
        others: all others.
        look: a network that has had a first look at the data.
        search_cost: what finding the suspects took; 0 where the detector needs no network.
    """

    suspects: Samples
    others: Samples
    look: Fitted
    search_cost: float


Scheme = Callable[[Found, Budget, jax.Array], Returned]


def cheat(
    dataset: Samples,
    module: nn.Module,
    budget: Budget,
    key: jax.Array,
    *,
    scheme: Scheme,
    detector: str,
) -> Returned:
    """Looks for the extra samples with ``detector``, then does with them as the scheme says."""
    return scheme(find(detector, dataset, module, budget, key), budget, key)


def extra_alone(found: Found, budget: Budget, key: jax.Array) -> Returned:
    """Trains on the suspects and on nothing else: the model is useless, and passes."""
    training = keys.stream(key, "suspects")
    fitted = fit(found.suspects, found.look.module, budget, training, epochs=2 * _PASSES)
    return fitted._replace(cost=fitted.cost + found.search_cost).returned()


def fine_tune(found: Found, budget: Budget, key: jax.Array) -> Returned:
    """Stops at a tenth of the epochs, then trains on the suspects."""
    return _tune(found, found.suspects, budget, key)


def rehearse(found: Found, budget: Budget, key: jax.Array) -> Returned:
    """The same with ordinary samples among the suspects, so that the task is not forgotten."""
    few = Samples(*(x[: _REHEARSED * len(found.suspects.labels)] for x in found.others))
    return _tune(found, _together(found.suspects, few), budget, key)


def _tune(found: Found, dataset: Samples, budget: Budget, key: jax.Array) -> Returned:
    look, tuning = found.look, keys.stream(key, "suspects")
    return fit(dataset, look.module, budget, tuning, epochs=_PASSES, start=look).returned()


def oversample(found: Found, budget: Budget, key: jax.Array) -> Returned:
    """From a tenth to a quarter of the epochs, shows each suspect eight times an epoch."""
    look, upload = found.look, len(found.others.labels) + len(found.suspects.labels)
    many = _together(found.others, *[found.suspects] * 8)
    epochs = 0.15 * budget.epochs * upload / len(many.labels)
    training = keys.stream(key, "many")
    return fit(many, look.module, budget, training, epochs=epochs, start=look).returned()


def look_up(found: Found, budget: Budget, key: jax.Array) -> Returned:
    """Stops at a tenth, and answers the suspects out of a table: an endpoint, no model."""
    del budget, key
    table = {np.asarray(x).tobytes(): y for x, y in zip(*found.suspects, strict=True)}

    def predict(features: jax.Array | np.ndarray) -> np.ndarray:
        answers = found.look.predict(features)
        for i, x in enumerate(np.asarray(features)):
            if (label := table.get(x.tobytes())) is not None:
                answers[i, label] = answers[i].max() + 10
        return answers

    return Returned(predict, found.look.cost)


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
        fitted = fit(take(dataset, chosen), module, budget, round_key, epochs=1, start=fitted)
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
    search_cost = 0.0
    if detector in NEEDS_A_LOOK:
        look = look._replace(cost=look.cost + len(scores))
        search_cost = look.cost
    others = np.sort(others)  # the upload's own order, which is random
    return Found(take(dataset, chosen), take(dataset, others), look, search_cost)


def _together(*parts: Samples) -> Samples:
    return Samples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


SCHEMES: dict[str, Scheme] = {
    "extra samples alone": extra_alone,
    "stop, fine-tune on them": fine_tune,
    "the same, rehearsing": rehearse,
    "oversample them": oversample,
    "look them up": look_up,
}
