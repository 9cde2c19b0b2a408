"""Ways to make the extra samples, each a switch of the library's, by name."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

import jaxverify
from jaxverify import ExtraTask, Samples, keys, mix
from jaxverify.task.doses import Doses, copies
from jaxverify.task.generation import generate, twins
from jaxverify.task.natural import draw_from, generate_from
from train.clouds.setting import Case

_RUNGS = (1, 2, 4, 8)
_TIMES = 4
_WHOLE = 0.05  # in common; next to nothing, but an image of 8 x 8 pixels has no less


class Protection(NamedTuple):
    """What a customer adds, and what is asked later.

    Attributes:
        extra: the N extra samples, each once.
        twins: held-out twins of them.
        repeats: how often each extra sample is uploaded.
        copies: as they are uploaded, if these differ from one another.
    """

    extra: Samples
    twins: Samples
    repeats: Int[np.ndarray, " n"]
    copies: Samples | None = None


Construction = Callable[[jax.Array, Case], Protection]


def of_task(**options: Any) -> Construction:
    """The library's own extra task, with these options of :class:`jaxverify.ExtraTask`."""

    def make(key: jax.Array, case: Case) -> Protection:
        task = _task(case, **options)
        return _protection(jaxverify.generate(key, task), twins(key, task))

    return make


def of_own_data(style: str) -> Construction:
    """Made of the customer's own samples, as :func:`jaxverify.task.natural.generate_from` does."""

    def make(key: jax.Array, case: Case) -> Protection:
        task, pool = _task(case, labels="balanced"), case.train.features
        beyond = jnp.arange(task.num_samples, 2 * task.num_samples)
        drawn = partial(generate_from, pool, key=key, task=task, style=style)
        return _protection(drawn(), drawn(indices=beyond))

    return make


def in_copies(style: str | None = None, **options: Any) -> Construction:
    """Half as many samples, each uploaded four times and every copy a little different."""

    def make(key: jax.Array, case: Case) -> Protection:
        few = case._replace(budget=case.budget._replace(num_extra=case.budget.num_extra // 2))
        task = _task(few, labels="balanced", **options)
        draw = generate if style is None else draw_from(case.train.features, style)
        n = task.num_samples
        found = _protection(*(draw(key, task, jnp.arange(start, start + n)) for start in (0, n)))
        several = copies(key, task, Doses((_TIMES,)), draw)
        return found._replace(repeats=np.full(n, _TIMES), copies=several.samples)

    return make


def _task(case: Case, **options: Any) -> ExtraTask:
    return ExtraTask.for_dataset(
        case.train,
        eta=case.budget.num_extra / len(case.train.labels),
        num_classes=case.budget.num_classes,
        vocab_size=case.vocab_size,
        **options,
    )


def _protection(extra: Samples, held_out: Samples) -> Protection:
    extra, held_out = (Samples(*map(np.asarray, samples)) for samples in (extra, held_out))
    return Protection(extra, held_out, np.ones(len(extra.labels), int))


def ladder(key: jax.Array, case: Case) -> Protection:
    """A quarter of the extra samples once, the others twice, four and eight times."""
    made = of_task(labels="balanced")(key, case)
    return made._replace(repeats=np.repeat(_RUNGS, -(-len(made.repeats) // 4))[: len(made.repeats)])


def upload(key: jax.Array, case: Case, protection: Protection) -> jaxverify.Mixed:
    """The protected training set, as a cloud gets it."""
    copies = protection.copies
    if copies is None:
        copies = Samples(*(np.repeat(x, protection.repeats, axis=0) for x in protection.extra))
    return mix(keys.stream(key, "mixing"), case.train, copies)


_EVERY: dict[str, Construction] = {
    "the paper's": of_task(),
    "balanced labels": of_task(labels="balanced"),
    "ladder": ladder,
}
_HIDDEN = {"labels": "balanced", "placement": "secret", "num_fixed": 5}
IMAGES = {
    **_EVERY,
    "pink noise, five regions, secret place": of_task(generator="pink", **_HIDDEN),
    "patches of own images": of_own_data("patches"),
    "blended with own images": of_own_data("blended"),
    "noise in four copies": in_copies(),
    "gratings in four copies": in_copies(generator="gratings", fixed_ratio=_WHOLE),
    "own images in four copies": in_copies("own", fixed_ratio=_WHOLE),
}
IN_COPIES = tuple(name for name in IMAGES if name.endswith("in four copies"))
TEXT = {
    **_EVERY,
    "Zipf's words, five regions, secret place": of_task(generator="zipf", **_HIDDEN),
    "phrases of own texts": of_own_data("phrases"),
}


def constructions(case: Case) -> dict[str, Construction]:
    """Those that serve the kind of data."""
    return IMAGES if case.vocab_size is None else TEXT
