"""Verification: does the model know the extra task? (Algorithm 2 of the paper)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxverify import keys, stats
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate
from jaxverify.verification.asking import whom_to_ask
from jaxverify.verification.base import fail_below
from jaxverify.verification.cautions import cautions
from jaxverify.verification.counting import Count, asked, given
from jaxverify.verification.verdict import Setting, Test, Verdict, judge_count, judged


def verify(
    params: Any = None,
    key: jax.Array | None = None,
    task: ExtraTask | None = None,
    *,
    predict: Callable[..., Any] | None = None,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    test: Test = "binomial",
    finished_share: float | None = None,
) -> Verdict:
    """Test the hypothesis that a model has *not* converged; a pass rejects it at level alpha.

    With a :class:`~jaxverify.TrainedModel`, ``verify(params, key)`` is the whole call. A verdict is
    of one model, on the host; :func:`jaxverify.count` counts right answers under :func:`jax.jit`
    and :func:`jax.vmap`, and :func:`judge` judges a count.

    Args:
        params: a :class:`~jaxverify.TrainedModel`; a callable ``params(features)``; or whatever
            ``predict`` takes.
        key: the secret key that the extra task was generated from.
        task: the extra task; a :class:`~jaxverify.TrainedModel` brings its own.
        predict: ``predict(params, features)``, or ``predict(features)`` where ``params`` is None,
            returns logits ``[n, num_classes]`` or labels ``[n]``. Any callable will do: it may run
            on the host or ask an endpoint. It gets at most 512 samples at once.
        alpha: α, the significance level.
        epsilon: ε, the share of extra samples that may be learned before convergence (eq. 3).
        test: "binomial", the paper's, counts right answers against Binomial(N, p) with
            p = ε + (1-ε)/C, and with balanced labels against the most that a model may have
            without convergence (:mod:`jaxverify.stats.balanced`); "permutation" counts them
            against the same answers with the labels permuted, and assumes neither C nor
            independence.
        finished_share: what finished models were seen to know at least: one that knows less FAILs.
            Without it, one FAILs that knows less than this test detects nine times in ten; and
            none does if that is more than half.

    Returns:
        Verdict: see there for what is guaranteed.

    Raises:
        UserError: if something is missing, a value is out of range, the answers have the wrong
            shape, or N is too small for any model to pass.

    Guarantee: the verdict depends on nothing but the arguments, and is the same with and without
    ``jax_enable_x64``.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=10, num_samples=100)
    >>> extra = generate(jax.random.key(1), task)
    >>> verify(lambda features: extra.labels, jax.random.key(1), task).outcome
    'PASS'
    """
    ask, key, task = whom_to_ask(params, key, task, predict)
    setting = _setting(task, alpha, epsilon, test, finished_share, task.num_samples)
    return judged(asked(ask, key, task), key, setting)


def verify_answers(
    answers: Int[jax.Array | np.ndarray, " n"] | Sequence[int],
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    test: Test = "binomial",
    finished_share: float | None = None,
    indices: Int[np.ndarray, " n"] | None = None,
    labels: Int[np.ndarray, " all"] | None = None,
) -> Verdict:
    """The verdict on answers that were given elsewhere, one for each extra sample in order.

    Args:
        answers: class indices; any other number is no answer, and wrong.
        key: as :func:`verify` takes it.
        task: as :func:`verify` takes it.
        alpha: as :func:`verify` takes it.
        epsilon: as :func:`verify` takes it.
        test: as :func:`verify` takes it.
        finished_share: as :func:`verify` takes it.
        indices: of the extra samples that were asked, each at most once; all without it. They
            must have been chosen before the model answered; and of a task with balanced labels so
            that each class is equally often among them, to within one, as shards are.
        labels: of all extra samples, from :func:`jaxverify.generate`, so that they need not be
            drawn again; drawn without it.

    Raises:
        UserError: as :func:`verify` does.

    Guarantee: the verdict of :func:`verify` on a model that answers so.
    """
    keys.check(key)
    true = np.asarray(generate(key, task).labels if labels is None else labels)
    if indices is not None:
        true = true[indices]
    answers = answers if isinstance(answers, jax.Array) else np.asarray(answers)
    if not jnp.issubdtype(answers.dtype, jnp.integer):
        raise UserError(f"answers are of type {answers.dtype}; they are class indices")
    if answers.shape != true.shape:
        raise UserError(f"there are {answers.shape} answers to {len(true)} extra samples")
    setting = _setting(task, alpha, epsilon, test, finished_share, len(true))
    return judged(given(answers, true, task), key, setting)


def judge(
    counted: Count,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    finished_share: float | None = None,
) -> Verdict:
    """The verdict of the binomial test on what was counted, of one model.

    Args:
        counted: right answers to all of the extra task.
        task: the extra task.
        alpha: as :func:`verify` takes it.
        epsilon: as :func:`verify` takes it.
        finished_share: as :func:`verify` takes it.

    Raises:
        UserError: as :func:`verify` does, or if several models were counted.

    Guarantee: the verdict of :func:`verify` on a model with these counts.
    """
    if any(np.ndim(number) for number in counted):
        shape = np.shape(counted.num_correct)
        raise UserError(f"counts are of shape {shape}: give those of one model, such as counts[i]")
    setting = _setting(task, alpha, epsilon, "binomial", finished_share, task.num_samples)
    return judge_count(counted, setting)


@lru_cache(maxsize=128)  # planning takes longer than judging, and a run asks again and again
def _setting(
    task: ExtraTask,
    alpha: float,
    epsilon: float,
    test: Test,
    finished_share: float | None,
    num_samples: int,
) -> Setting:
    if test not in ("binomial", "permutation"):
        raise UserError(f"test is {test!r}; it is 'binomial' or 'permutation'")
    detectable = stats.detectable_share(
        num_samples, task.num_classes, alpha, epsilon, labels=task.labels
    )
    said = cautions(replace(task, num_samples=num_samples), alpha, epsilon)
    return Setting(
        num_samples=num_samples,
        num_classes=task.num_classes,
        alpha=alpha,
        epsilon=epsilon,
        test=test,
        detectable_share=detectable,
        fail_below=fail_below(detectable, finished_share),
        cautions=said,
        labels=task.labels,
    )
