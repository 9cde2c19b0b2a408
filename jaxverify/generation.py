"""From a key to the samples of the extra task: pure, and each sample by itself."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Int, Shaped

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.generators import GENERATORS
from jaxverify.samples import Samples


def generate(
    key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"] | None = None
) -> Samples:
    """The extra samples of ``task`` under ``key``, all N of them or those at ``indices``.

    Args:
        key: a typed threefry key, scalar; secret (see :func:`jaxverify.keys.from_secret`).
        task: the specification; static under :func:`jax.jit`.
        indices: which samples, int32 ``[n]`` in ``[0, N)``; without it ``0 .. N-1``. A shard of a
            large task makes its own part so.

    Returns:
        Samples: features ``[n, *task.shape]`` and labels int32 ``[n]``.

    Raises:
        UserError: if the key is not one typed threefry key, or the generator is unknown.

    Guarantee: sample i depends on (key, task, i) alone: its bytes are the same under jit and
    vmap, in any shard, on any number of devices.

    >>> task = ExtraTask("text", (64,), num_classes=4, num_samples=960, vocab_size=10_000)
    >>> generate(jax.random.key(0), task).features.shape
    (960, 64)
    """
    keys.check(key)
    if task.generator not in GENERATORS:
        raise UserError(f"generator is {task.generator!r}; known are {', '.join(GENERATORS)}")
    if indices is None:
        indices = jnp.arange(task.num_samples)
    # Two settings of JAX draw two sets of bits from one key: this one does not depend on sharding.
    with jax.threefry_partitionable(True):
        return _generate(key, task, indices)


@partial(jax.jit, static_argnames="task")
def _generate(key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"]) -> Samples:
    fill = GENERATORS[task.generator]
    fixed = fill(keys.stream(key, "fixed region"), task, task.shape)
    random_key = keys.stream(key, "random region")

    def features(i: Int[jax.Array, ""]) -> Shaped[jax.Array, "..."]:
        region = fill(jax.random.fold_in(random_key, i), task, task.random_shape)
        return fixed.at[task.random_region].set(region)

    labels = _labels(keys.stream(key, "labels"), task, indices)
    return Samples(jax.vmap(features)(indices), labels)


def _labels(key: jax.Array, task: ExtraTask, indices: Int[jax.Array, " n"]) -> Int[jax.Array, " n"]:
    if task.labels == "balanced":
        draws = jax.random.bits(key, (task.num_samples,), jnp.uint32)
        return (jnp.argsort(draws)[indices] % task.num_classes).astype(jnp.int32)
    draw = jax.vmap(lambda i: jax.random.bits(jax.random.fold_in(key, i), (), jnp.uint32))
    return (draw(indices) % jnp.uint32(task.num_classes)).astype(jnp.int32)
