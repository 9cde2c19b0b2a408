"""Right answers, counted on the device: the part of a verification that jits and vmaps."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate
from jaxverify.verification.asking import Ask, in_batches, whom_to_ask


class Count(NamedTuple):
    """Right answers counted, int32: scalars, or with an axis where models were stacked.

    Attributes:
        num_correct: N_c.
        num_unknown: answers that were no class at all.
        num_alike: how many answers are the commonest one.
    """

    num_correct: Any
    num_unknown: Any
    num_alike: Any


def count(
    params: Any = None,
    key: jax.Array | None = None,
    task: ExtraTask | None = None,
    *,
    predict: Callable[..., Any] | None = None,
) -> Count:
    """Count how many extra samples a model answers rightly.

    Args:
        params: as :func:`jaxverify.verify` takes it.
        key: as :func:`jaxverify.verify` takes it.
        task: as :func:`jaxverify.verify` takes it.
        predict: as :func:`jaxverify.verify` takes it.

    Raises:
        UserError: as :func:`jaxverify.verify` does.

    Guarantee: pure; the counts are the same under :func:`jax.jit`, and under :func:`jax.vmap` over
    stacked models.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=10, num_samples=100)
    >>> key = jax.random.key(1)
    >>> extra = generate(key, task)
    >>> counts = jax.jit(lambda answers: count(lambda features: answers, key, task))(extra.labels)
    >>> int(counts.num_correct)
    100
    """
    return asked(*whom_to_ask(params, key, task, predict)).counted


class Asked(NamedTuple):
    """What a model was asked, and what it said.

    Attributes:
        labels: of the samples, int32 ``[n]``.
        answers: class indices, -1 where there is none, int32 ``[n]``.
        counted: how many are right.
    """

    labels: Int[jax.Array, " n"]
    answers: Int[jax.Array, " n"]
    counted: Count


def asked(ask: Ask, key: jax.Array, task: ExtraTask) -> Asked:
    """Put the extra samples to a model."""
    extra = generate(key, task)
    parts = [_answers(ask(part.features), task, len(part.labels)) for part in in_batches(extra)]
    return _count(jnp.asarray(extra.labels), jnp.concatenate(parts), task.num_classes)


def given(
    answers: Int[jax.Array | np.ndarray, " n"], labels: Int[np.ndarray, " n"], task: ExtraTask
) -> Asked:
    """Answers that were given elsewhere."""
    return _count(jnp.asarray(labels), _known(answers, task), task.num_classes)


def _answers(output: Any, task: ExtraTask, n: int) -> Int[jax.Array, " n"]:
    """Labels from labels or logits; -1, which is no class, where there is no answer."""
    # As it is: JAX would round what the host says in 64 bits to 32, and wrap an integer around.
    output = output if isinstance(output, jax.Array) else np.asarray(output)
    if output.shape == (n, task.num_classes) and jnp.issubdtype(output.dtype, jnp.number):
        unknown = jnp.isnan(output).any(axis=-1)
        return jnp.where(unknown, -1, output.argmax(axis=-1)).astype(jnp.int32)
    if output.shape == (n,) and jnp.issubdtype(output.dtype, jnp.integer):
        return _known(output, task)
    raise UserError(
        f"predict returned shape {output.shape} and type {output.dtype} for {n} samples; logits "
        f"[{n}, {task.num_classes}] or integer labels [{n}] are wanted"
    )


def _known(answers: Int[jax.Array | np.ndarray, " n"], task: ExtraTask) -> Int[jax.Array, " n"]:
    """-1 for each answer that is no class."""
    unknown = (answers < 0) | (answers >= task.num_classes)
    return jnp.where(unknown, -1, answers).astype(jnp.int32)


@partial(jax.jit, static_argnames="num_classes")
def _count(labels: Int[jax.Array, " n"], answers: Int[jax.Array, " n"], num_classes: int) -> Asked:
    by_class = jax.nn.one_hot(answers, num_classes, dtype=jnp.int32)
    count = Count(
        num_correct=jnp.sum(answers == labels, dtype=jnp.int32),
        num_unknown=jnp.sum(answers < 0, dtype=jnp.int32),
        num_alike=by_class.sum(axis=0, dtype=jnp.int32).max(),
    )
    return Asked(labels, answers, count)
