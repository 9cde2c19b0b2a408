"""Doses: extra samples that stand in the upload once, several times, or not at all.

A sample that a network sees m times in an epoch is known earlier than one that it sees once. So of
samples in several doses the smallest dose that is known tells how far training went, where a single
dose tells one thing only. Those of dose 0, which nobody was given, are the control: if the model
was not trained on the others, nothing tells them apart from these.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import Draw, generate, labels_of, region_start
from jaxverify.task.gratings import gratings
from jaxverify.task.samples import Samples

_GREY_LEVELS = 3  # by which a copy of noise differs, at most
_SHARE = 2.0**-3  # width of the noise on a number in [0, 1): columns may take few values
_MOST = 64  # copies of a sample


@dataclass(frozen=True)
class Doses:
    """How many copies of the extra samples stand in the upload.

    Attributes:
        levels: the doses, ascending, each in [0, 64]; the samples are dealt out to them evenly.

    Raises:
        UserError: if there is no dose above 0, or one is out of its range or stands twice.
    """

    levels: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        whole = all(isinstance(level, int) and 0 <= level <= _MOST for level in self.levels)
        if not whole or list(self.levels) != sorted(set(self.levels)) or not any(self.levels):
            raise UserError(
                f"the doses are {self.levels}; they are different whole numbers from 0 to {_MOST}, "
                "ascending, and at least one above 0"
            )


ONCE = Doses((1,))


class Copies(NamedTuple):
    """What goes into the upload.

    Attributes:
        samples: every copy of every sample of a dose above 0.
        of: int ``[m]``, the number of the extra sample that each is a copy of.
    """

    samples: Samples
    of: Int[np.ndarray, " m"]


def doses_of(key: jax.Array, task: ExtraTask, doses: Doses) -> Int[np.ndarray, " n"]:
    """The dose of each extra sample.

    Args:
        key: as :func:`jaxverify.generate` takes it.
        task: as :func:`jaxverify.generate` takes it.
        doses: to be dealt out.

    Guarantee: there are equally many samples of each dose, and of each dose and label, to within
    one. Given the labels, and how often each dose is beside each of them, every way to deal the
    doses out is equally likely, whatever the samples look like; so if a model was not trained on
    any of them, its right answers tell the doses apart by chance alone.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=40)
    >>> np.bincount(doses_of(jax.random.key(0), task, Doses((0, 1, 4)))).tolist()
    [14, 13, 0, 0, 13]
    """
    with jax.threefry_partitionable(True):
        stream = keys.streams(key, ("doses",))["doses"]
        draws = np.asarray(jax.random.bits(stream, (task.num_samples,), jnp.uint32))
    # Dealt out like cards, one label after the other, in an order that is drawn.
    dealt = np.lexsort((draws, np.asarray(labels_of(key, task))))
    each = np.empty(task.num_samples, np.int64)
    each[dealt] = np.asarray(doses.levels)[np.arange(task.num_samples) % len(doses.levels)]
    return each


def copies(key: jax.Array, task: ExtraTask, doses: Doses, draw: Draw = generate) -> Copies:
    """The extra samples as often as their doses say, each copy a little different.

    The first copy of a sample is the sample itself. Of the others the random region is varied:
    gratings have other phases, noise other values that are nearly the same, and the words of a
    text begin at another one of them, or are shuffled where each has been the first.

    Args:
        key: as :func:`jaxverify.generate` takes it.
        task: as :func:`jaxverify.generate` takes it.
        doses: of the samples.
        draw: the samples themselves, of key, task and indices; other ones than the library's own.

    Guarantee: with the one dose 1 they are the extra task of :func:`jaxverify.generate`, byte for
    byte. Copy j of sample i depends on (key, task, i, j) alone.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=40)
    >>> len(copies(jax.random.key(0), task, Doses((0, 1, 4))).of)
    65
    """
    each = doses_of(key, task, doses)
    of = np.repeat(np.arange(task.num_samples), each)
    number = np.concatenate([np.arange(m) for m in each])
    plain = draw(key, task, jnp.asarray(of))
    if max(doses.levels) == 1:
        return Copies(plain, of)
    with jax.threefry_partitionable(True):
        varied = _varied(key, task, jnp.asarray(of), jnp.asarray(number), plain)
    return Copies(varied, of)


@partial(jax.jit, static_argnames="task")
def _varied(
    key: jax.Array,
    task: ExtraTask,
    of: Int[jax.Array, " m"],
    number: Int[jax.Array, " m"],
    plain: Samples,
) -> Samples:
    streams = keys.streams(key, ("random region", "copies"))
    start, shape = region_start(key, task), task.random_shape

    def vary(
        i: Int[jax.Array, ""], j: Int[jax.Array, ""], sample: Shaped[jax.Array, "..."]
    ) -> Shaped[jax.Array, "..."]:
        fresh = jax.random.fold_in(jax.random.fold_in(streams["copies"], i), j)
        region = jax.lax.dynamic_slice(sample, start, shape)
        if task.generator == "gratings":
            form = jax.random.fold_in(streams["random region"], i)
            other = gratings(form, task, shape, phase_key=fresh)
        else:
            other = _nearly(fresh, j, task, region)
        return jax.lax.dynamic_update_slice(sample, jnp.where(j == 0, region, other), start)

    return Samples(jax.vmap(vary)(of, number, jnp.asarray(plain.features)), plain.labels)


def _nearly(
    key: jax.Array, number: Int[jax.Array, ""], task: ExtraTask, region: Shaped[jax.Array, "..."]
) -> Shaped[jax.Array, "..."]:
    """A region that differs a little."""
    draws = jax.random.bits(key, region.shape, jnp.uint32)
    match task.kind:
        case "image":
            shift = (draws % (2 * _GREY_LEVELS + 1)).astype(jnp.int32) - _GREY_LEVELS
            return jnp.clip(region.astype(jnp.int32) + shift, 0, 255).astype(jnp.uint8)
        case "text":
            shuffled = region[jnp.argsort(draws)]  # once round, there is no other beginning
            return jnp.where(number < len(region), jnp.roll(region, number), shuffled)
        case "vector":
            shift = (draws >> 8).astype(jnp.float32) * jnp.float32(2**-24) - jnp.float32(0.5)
            return jnp.clip(region + shift * jnp.float32(_SHARE), 0, 1 - 2**-24)
