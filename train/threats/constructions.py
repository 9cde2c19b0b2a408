"""Ways to make the extra samples, each a switch of the library's, by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

import jaxverify
from jaxverify import ExtraTask, Samples, keys, mix
from jaxverify.generation import twins
from train.threats.setting import Case

_RUNGS = (1, 2, 4, 8)


class Protection(NamedTuple):
    """What a customer adds, and what is asked later.

    Attributes:
        extra: the N extra samples, each once.
        twins: held-out twins of them.
        repeats: how often each extra sample is uploaded.
    """

    extra: Samples
    twins: Samples
    repeats: Int[np.ndarray, " n"]


Construction = Callable[[jax.Array, Case], Protection]


def of_task(**options: Any) -> Construction:
    """The library's own extra task, with these options of :class:`jaxverify.ExtraTask`."""

    def make(key: jax.Array, case: Case) -> Protection:
        num_samples, num_classes = case.budget.num_extra, case.budget.num_classes
        task = ExtraTask.for_dataset(
            case.train,
            eta=num_samples / len(case.train.labels),
            num_classes=num_classes,
            vocab_size=case.vocab_size,
            **options,
        )
        pair = jaxverify.generate(key, task), twins(key, task)
        extra, held_out = (Samples(*map(np.asarray, samples)) for samples in pair)
        return Protection(extra, held_out, np.ones(len(extra.labels), int))

    return make


def ladder(key: jax.Array, case: Case) -> Protection:
    """A quarter of the extra samples once, the others twice, four and eight times."""
    made = of_task(labels="balanced")(key, case)
    return made._replace(repeats=np.repeat(_RUNGS, -(-len(made.repeats) // 4))[: len(made.repeats)])


def upload(key: jax.Array, case: Case, protection: Protection) -> jaxverify.Mixed:
    """The protected training set, as a cloud gets it."""
    repeated = Samples(*(np.repeat(x, protection.repeats, axis=0) for x in protection.extra))
    return mix(keys.stream(key, "mixing"), case.train, repeated)


_EVERY: dict[str, Construction] = {
    "the paper's": of_task(),
    "balanced labels": of_task(labels="balanced"),
    "ladder": ladder,
}
_HIDDEN = {"labels": "balanced", "placement": "secret", "num_fixed": 5}
IMAGES = {**_EVERY, "pink noise, five regions, secret place": of_task(generator="pink", **_HIDDEN)}
TEXT = {**_EVERY, "Zipf's words, five regions, secret place": of_task(generator="zipf", **_HIDDEN)}


def constructions(case: Case) -> dict[str, Construction]:
    """Those that serve the kind of data."""
    return IMAGES if case.vocab_size is None else TEXT
