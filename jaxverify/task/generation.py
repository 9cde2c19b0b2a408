"""From a key to the samples of the extra task: pure, and each sample by itself."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Int32, Shaped

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generators import GENERATORS, Generator
from jaxverify.task.samples import Samples

STREAMS = ("labels", "fixed region", "random region", "placement")
Streams = Mapping[str, jax.Array]
Draw = Callable[[jax.Array, ExtraTask, Int[jax.Array, " m"]], Samples]


def generate(
    key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"] | None = None
) -> Samples:
    """The extra samples of ``task`` under ``key``, all N of them or those at ``indices``.

    Args:
        key: a typed threefry key, scalar; secret (see :func:`jaxverify.keys.from_secret`).
        task: the specification; static under :func:`jax.jit`.
        indices: which samples, int32 ``[n]`` in ``[0, N)``; without it ``0 .. N-1``. A shard of a
            large task makes its own part so. Sample ``N + i`` is the held-out twin of sample i.

    Returns:
        Samples: features ``[n, *task.shape]`` and labels int32 ``[n]``.

    Raises:
        UserError: if the key is not one typed threefry key, or the generator is unknown.

    Guarantee: sample i depends on (key, task, i) alone: its bytes are the same under jit and
    vmap, in any shard, on any number of devices, with and without ``jax_enable_x64``.

    >>> task = ExtraTask("text", (64,), num_classes=4, num_samples=960, vocab_size=10_000)
    >>> generate(jax.random.key(0), task).features.shape
    (960, 64)
    """
    of = keys.streams(key, STREAMS)
    if task.generator not in GENERATORS:
        raise UserError(f"generator is {task.generator!r}; known are {', '.join(GENERATORS)}")
    # Two settings of JAX draw two sets of bits from one key: this one does not depend on sharding.
    with jax.threefry_partitionable(True):
        return _generate(of, task, indices)


def twins(key: jax.Array, task: ExtraTask) -> Samples:
    """Held-out twins: a sample like each extra sample, of the same label, that nobody was given.

    A twin has the same fixed region, at the same place, and a random region of its own, so that
    whatever lets a model answer twins rightly is not memory of the extra samples.

    Args:
        key: as :func:`generate` takes it.
        task: as :func:`generate` takes it.

    Returns:
        Samples: of the shapes and types that :func:`generate` returns; labels are the same.

    Guarantee: given labels and fixed region, twins are independent of the extra samples.
    """
    return generate(key, task, jnp.arange(task.num_samples, 2 * task.num_samples))


def generate_batches(key: jax.Array, task: ExtraTask, size: int = 4096) -> Iterator[Samples]:
    """All N extra samples of ``task`` in order, at most ``size`` of them in memory at once.

    Args:
        key: as :func:`generate` takes it.
        task: as :func:`generate` takes it.
        size: of a batch; the last is smaller.

    Guarantee: put together, the batches are what :func:`generate` returns.
    """
    size = min(size, task.num_samples)
    for start in range(0, task.num_samples, size):
        # Of one size, so that all are compiled once; the last is drawn too long and cut.
        indices = jnp.arange(start, start + size) % task.num_samples
        batch = generate(key, task, indices)
        num_left = task.num_samples - start
        yield Samples(np.asarray(batch.features)[:num_left], np.asarray(batch.labels)[:num_left])


def labels_of(key: jax.Array, task: ExtraTask) -> Int32[jax.Array, " n"]:
    """The labels of the extra samples alone, as :func:`generate` returns them."""
    of = keys.streams(key, STREAMS)
    with jax.threefry_partitionable(True):
        return _labels(of["labels"], task, jnp.arange(task.num_samples))[0]


def region_start(key: jax.Array, task: ExtraTask) -> Int[jax.Array, " d"]:
    """Where in a sample the random region begins, int32, a number for each of its dimensions.

    Args:
        key: as :func:`generate` takes it.
        task: as :func:`generate` takes it.

    Guarantee: with a secret placement, uniform over all places where the region fits, but for
    2^-32, and independent of the samples' content.
    """
    with jax.threefry_partitionable(True):
        return region_start_of(keys.streams(key, STREAMS), task)


def region_slices(key: jax.Array, task: ExtraTask) -> tuple[slice, ...]:
    """Where x_r lies in a sample, as an index, on the host: also where its placement is secret."""
    starts = np.asarray(region_start(key, task)).tolist()
    sides = zip(starts, task.random_shape, strict=True)
    return tuple(slice(start, start + size) for start, size in sides)


def region_start_of(of: Streams, task: ExtraTask) -> Int[jax.Array, " d"]:
    """Where the random region begins, from the key of each stream."""
    if task.placement == "corner":
        return jnp.array([side.start or 0 for side in task.random_region], jnp.int32)
    sides = zip(task.shape, task.random_shape, strict=True)
    places = np.array([whole - part + 1 for whole, part in sides], np.uint32)
    draws = jax.random.bits(of["placement"], (len(places),), jnp.uint32)
    return (draws % places).astype(jnp.int32)


@partial(jax.jit, static_argnames="task")
def _generate(of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"] | None) -> Samples:
    fill = GENERATORS[task.generator]
    if indices is None:
        indices = jnp.arange(task.num_samples)
    return assemble(of, task, indices, fixed=fill, random=fill)


def assemble(
    of: Streams,
    task: ExtraTask,
    indices: Int[jax.Array, " n"],
    *,
    fixed: Generator,
    random: Generator,
) -> Samples:
    """Samples of labels, fixed and random regions, whatever these are filled with.

    Args:
        of: the key of each of ``STREAMS``.
        task: as :func:`generate` takes it.
        indices: as :func:`generate` takes it.
        fixed: fills whole samples, of which the fixed region is a part.
        random: fills random regions.
    """
    labels, whole = labels_and_fixed(of, task, indices, fixed)

    def region(i: Int[jax.Array, ""]) -> Shaped[jax.Array, "..."]:
        return random(jax.random.fold_in(of["random region"], i), task, task.random_shape)

    start = (jnp.int32(0), *region_start_of(of, task))
    return Samples(jax.lax.dynamic_update_slice(whole, jax.vmap(region)(indices), start), labels)


def labels_and_fixed(
    of: Streams, task: ExtraTask, indices: Int[jax.Array, " n"], fill: Generator
) -> tuple[Int32[jax.Array, " n"], Shaped[jax.Array, "n ..."]]:
    """The label of each sample, and a whole one filled like its fixed region."""
    labels, which = _labels(of["labels"], task, indices % task.num_samples)
    fixed_key = of["fixed region"]
    if task.num_fixed == 1:
        whole = fill(fixed_key, task, task.shape)
        return labels, jnp.broadcast_to(whole, (len(indices), *task.shape))
    several = jax.vmap(lambda j: fill(jax.random.fold_in(fixed_key, j), task, task.shape))
    return labels, several(jnp.arange(task.num_fixed))[which]


def _labels(
    key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"]
) -> tuple[Int32[jax.Array, " n"], Int[jax.Array, " n"]]:
    """The labels, and which of the fixed regions each sample has."""
    if task.labels == "balanced":
        draws = jax.random.bits(key, (task.num_samples,), jnp.uint32)
        ranks = jnp.argsort(draws)[indices]
        # A fixed region for each C ranks in turn, which have each class once.
        which = ranks // task.num_classes % task.num_fixed
        return (ranks % task.num_classes).astype(jnp.int32), which
    draw = jax.vmap(lambda i: jax.random.bits(jax.random.fold_in(key, i), (), jnp.uint32))
    labels = (draw(indices) % jnp.uint32(task.num_classes)).astype(jnp.int32)
    return labels, indices % task.num_fixed
