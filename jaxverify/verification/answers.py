"""Verification: does the model know the extra task? (Algorithm 2 of the paper)."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Int

from jaxverify import keys, stats
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate
from jaxverify.verification.cautions import cautions
from jaxverify.verification.trained_model import TrainedModel
from jaxverify.verification.verdict import Setting, Test, Verdict

_BATCH = 512  # bounds the memory of the forward pass; most extra tasks fit into one batch


def verify(
    params: Any = None,
    key: jax.Array | None = None,
    *,
    predict: Callable[..., Any] | None = None,
    task: ExtraTask | None = None,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    test: Test = "binomial",
    target_share: float | None = None,
) -> Verdict:
    """Test the hypothesis that a model has *not* converged; a pass rejects it at level alpha.

    With a :class:`~jaxverify.TrainedModel`, ``verify(params, key)`` is the whole call. Pure, so
    it runs under :func:`jax.jit`, and under :func:`jax.vmap` over stacked models.

    Args:
        params: a :class:`~jaxverify.TrainedModel`, or whatever ``predict`` takes.
        key: the secret key that the extra task was generated from.
        predict: ``predict(params, features)``, or ``predict(features)`` where ``params`` is None,
            returns logits ``[n, num_classes]`` or labels ``[n]``. Any callable will do: outside
            jit it may run on the host or ask an endpoint. It gets at most 512 samples at once.
        task: the extra task; a :class:`~jaxverify.TrainedModel` brings its own.
        alpha: α, the significance level.
        epsilon: ε, the share of extra samples that may be learned before convergence (eq. 3).
        test: "binomial", the paper's, counts right answers against Binomial(N, p) with
            p = ε + (1-ε)/C, and with balanced labels against the most that a model may have
            without convergence (:mod:`jaxverify.stats.balanced`); "permutation" counts them
            against the same answers with the labels permuted, and assumes neither C nor
            independence.
        target_share: the memorised share under which a model FAILs; without it the share that a
            test of this N detects with 90% power.

    Returns:
        Verdict: see there for what is guaranteed.

    Raises:
        UserError: if something is missing, a value is out of range, the answers have the wrong
            shape, or N is too small for any model to pass.

    Guarantee: the answer depends on nothing but the arguments, and is the same under jit and
    under vmap, with and without ``jax_enable_x64``.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=10, num_samples=100)
    >>> extra = generate(jax.random.key(1), task)
    >>> verify(predict=lambda features: extra.labels, key=jax.random.key(1), task=task).outcome
    'PASS'
    """
    if isinstance(params, TrainedModel):
        task = params.task if task is None else task
        if predict is None:
            predict = _predict_trained
    if key is None:
        raise UserError("key is missing: the extra task cannot be drawn without it")
    if task is None:
        raise UserError("task is missing: pass task=, or a TrainedModel that was given one")
    if predict is None:
        raise UserError(f"predict is missing: {type(params).__name__} is not a TrainedModel")
    # Before the model is asked.
    setting = _setting(task, alpha, epsilon, test, target_share, task.num_samples)
    extra = generate(key, task)
    ask = predict if params is None else lambda features: predict(params, features)
    answers = jnp.concatenate(
        [
            _answers(ask(extra.features[start : start + _BATCH]), task, start)
            for start in range(0, task.num_samples, _BATCH)
        ]
    )
    return _judge(key, answers, jnp.asarray(extra.labels), setting)


def verify_answers(
    answers: Int[jax.Array | np.ndarray, " n"],
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    test: Test = "binomial",
    target_share: float | None = None,
    indices: Int[np.ndarray, " n"] | None = None,
) -> Verdict:
    """The verdict on answers that were given elsewhere, one for each extra sample in order.

    Args:
        answers: class indices; any other number is no answer, and wrong.
        key: as :func:`verify` takes it, like the rest.
        task: likewise.
        alpha: likewise.
        epsilon: likewise.
        test: likewise.
        target_share: likewise.
        indices: of the extra samples that were asked, each at most once; all without it. They
            must have been chosen before the model answered; and of a task with balanced labels so
            that each class is equally often among them, to within one, as shards are.

    Raises:
        UserError: as :func:`verify` does.

    Guarantee: the verdict of :func:`verify` on a model that answers so.
    """
    labels = np.asarray(generate(key, task).labels)
    if indices is not None:
        labels = labels[indices]
    if answers.shape != labels.shape:
        raise UserError(f"there are {answers.shape} answers to {len(labels)} extra samples")
    setting = _setting(task, alpha, epsilon, test, target_share, len(labels))
    return _judge(key, _known(answers, task), jnp.asarray(labels), setting)


@lru_cache(maxsize=128)  # planning takes longer than judging, and a run asks again and again
def _setting(
    task: ExtraTask,
    alpha: float,
    epsilon: float,
    test: Test,
    target_share: float | None,
    num_samples: int,
) -> Setting:
    if test not in ("binomial", "permutation"):
        raise UserError(f"test is {test!r}; it is 'binomial' or 'permutation'")
    if target_share is None:
        target_share = stats.detectable_share(
            num_samples, task.num_classes, alpha, epsilon, labels=task.labels
        )
    known = cautions(replace(task, num_samples=num_samples), alpha, epsilon)
    return Setting(
        num_samples, task.num_classes, alpha, epsilon, test, target_share, known, task.labels
    )


@jax.jit  # compiled once for all models of one architecture and task
def _predict_trained(model: TrainedModel, features: jax.Array) -> jax.Array:
    return model.apply(model.variables, features)


def _answers(output: Any, task: ExtraTask, start: int) -> Int[jax.Array, " n"]:
    """Labels from labels or logits; -1, which is no class, where there is no answer."""
    n = min(_BATCH, task.num_samples - start)
    # As it is: JAX would round what the host says in 64 bits to 32, and wrap an integer around.
    output = output if isinstance(output, jax.Array) else np.asarray(output)
    if output.shape == (n, task.num_classes):
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


@partial(jax.jit, static_argnames="setting")
def _judge(
    key: jax.Array,
    answers: Int[jax.Array, " n"],
    labels: Int[jax.Array, " n"],
    setting: Setting,
) -> Verdict:
    tables = _tabulate(setting)
    num_correct = jnp.sum(answers == labels, dtype=jnp.int32)
    num_unknown = jnp.sum(answers < 0, dtype=jnp.int32)
    by_class = jax.nn.one_hot(answers, setting.num_classes, dtype=jnp.int32)

    def look_up(table: Float32[np.ndarray, " m"]) -> jax.Array:
        return jnp.asarray(table)[num_correct]

    if setting.test == "binomial":
        p_value = look_up(tables.p_value)
        passed = num_correct > tables.threshold_count
        threshold = tables.threshold_count / setting.num_samples
    else:
        p_value = stats.permutation_p_value(
            keys.stream(key, "permutation"), answers, labels, epsilon=setting.epsilon
        )
        passed = p_value <= setting.alpha
        threshold = math.nan
    return Verdict(
        num_correct=num_correct,
        accuracy=look_up(tables.accuracy),
        threshold=jnp.float32(threshold),
        p_value=p_value,
        memorised_share=look_up(tables.memorised_share),
        memorised_lower=look_up(tables.memorised_lower),
        memorised_upper=jnp.asarray(tables.memorised_upper)[num_correct + num_unknown],
        passed=passed,
        num_unknown=num_unknown,
        num_alike=by_class.sum(axis=0, dtype=jnp.int32).max(),
        setting=setting,
    )


class _Tables(NamedTuple):
    """All that follows from N_c, an integer in 0..N: arrays float32 ``[N + 1]``, and k*."""

    threshold_count: int
    p_value: Float32[np.ndarray, " m"]
    accuracy: Float32[np.ndarray, " m"]
    memorised_share: Float32[np.ndarray, " m"]
    memorised_lower: Float32[np.ndarray, " m"]
    memorised_upper: Float32[np.ndarray, " m"]


@lru_cache(maxsize=128)
def _tabulate(setting: Setting) -> _Tables:
    # On the host and in float64, so that the device decides exactly as SciPy does.
    n, c, alpha = setting.num_samples, setting.num_classes, setting.alpha
    counts = np.arange(n + 1)
    columns = (
        stats.p_value(counts, n, c, setting.epsilon, setting.labels),
        counts / n,
        stats.memorised_share(counts, n, c),
        *stats.memorised_bounds(counts, n, c, 1 - alpha),
    )
    count = stats.threshold(n, c, alpha, setting.epsilon, setting.labels).count
    return _Tables(count, *(column.astype(np.float32) for column in columns))
