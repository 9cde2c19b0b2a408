"""Verification by scores: does the model do better on the extra samples than on their twins?

For models that give no labels, such as autoencoders, and for those that give more than a label.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.generation import generate, region_slices, twins
from jaxverify.task.samples import Samples, as_samples
from jaxverify.verification.asking import Ask, in_batches, logits_of, whom_to_ask
from jaxverify.verification.cautions import no_mistake
from jaxverify.verification.logits import temperature
from jaxverify.verification.score_verdict import ScoreVerdict, judge_logits, judge_scores


def verify_scores(
    params: Any = None,
    key: jax.Array | None = None,
    task: ExtraTask | None = None,
    *,
    predict: Callable[..., Any] | None = None,
    alpha: float = 0.01,
    forgiven: float = 0.5,
    held_out: Samples | Sequence[Any] | None = None,
) -> ScoreVerdict:
    """Test by the scores of a classifier: does it favour the labels that it was given?

    The error on a sample is the odds against its label, (1-p)/p; its twin has the same label.
    Early in training a model gets a little better on all that it was given, which is forgiven.

    A cloud that multiplies its logits makes more of that than there is. Give samples that you have
    held out, and the logits are divided by their temperature on these
    (:func:`jaxverify.verification.logits.temperature`): that undoes it, unless the cloud tells the
    extra samples from yours. Where every answer to these is right, no temperature is best, and the
    verdict carries a caution.

    Args:
        params: as :func:`jaxverify.verify` takes it: a :class:`~jaxverify.TrainedModel`, a
            callable, or what ``predict`` takes.
        key: the secret key that the extra task was generated from.
        task: the extra task; a :class:`~jaxverify.TrainedModel` brings its own.
        predict: ``predict(params, features)`` returns logits ``[n, num_classes]``; logarithms of
            probabilities are logits. It gets at most 512 samples at once.
        alpha: α, the significance level.
        forgiven: the share of the odds against its labels that may be gone, and of the samples
            that may be known, before convergence.
        held_out: some hundreds of samples of the original task that were not uploaded.

    Raises:
        UserError: if something is missing or out of range, or predict returns another shape; with
            ``held_out``, if those are no samples of the task, or logits of theirs are not finite.

    Guarantee: the verdict of :func:`judge_logits`; with ``held_out`` it is the same, but for the
    temperature, up to rounding, whatever positive number all logits are multiplied by, and it
    carries a caution exactly where every answer to these is right.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_scores(lambda x: np.zeros((len(x), 2)), jax.random.key(1), task).outcome
    'NO POWER'
    """
    ask, key, task = whom_to_ask(params, key, task, predict)
    logits, twin_logits, labels = ask_classifier(ask, key, task)
    if held_out is None:
        return judge_logits(logits, twin_logits, labels, alpha=alpha, forgiven=forgiven)
    known, true = _ask_held_out(ask, as_samples(held_out, "held_out"), task)
    divisor = temperature(known, true)
    logits, twin_logits = logits / divisor, twin_logits / divisor
    verdict = judge_logits(logits, twin_logits, labels, alpha=alpha, forgiven=forgiven)
    said = no_mistake(int((known.argmax(axis=1) == true).sum()), len(true))
    return replace(verdict, temperature=divisor, cautions=said)


class Answers(NamedTuple):
    """What a classifier says to the extra samples and to their twins.

    Attributes:
        logits: float ``[n, num_classes]``, of the samples.
        twin_logits: float ``[n, num_classes]``, of the twins.
        labels: int ``[n]``, of each sample and of its twin.
    """

    logits: Float[np.ndarray, "n num_classes"]
    twin_logits: Float[np.ndarray, "n num_classes"]
    labels: Int[np.ndarray, " n"]


def ask_classifier(ask: Ask, key: jax.Array, task: ExtraTask) -> Answers:
    """Put the extra samples and their twins to a classifier, for :func:`judge_logits`.

    Args:
        ask: ``ask(features)`` returns logits ``[n, num_classes]``.
        key: as :func:`verify_scores` takes it.
        task: as :func:`verify_scores` takes it.

    Raises:
        UserError: if it returns another shape.
    """
    extra, others = generate(key, task), twins(key, task)
    logits, twin_logits = (logits_of(ask, each, task.num_classes) for each in (extra, others))
    return Answers(logits, twin_logits, np.asarray(extra.labels))


def ask_temperature(ask: Ask, held_out: Samples, task: ExtraTask) -> float:
    """How much too sure of itself a classifier is on samples that it was not given.

    Args:
        ask: as :func:`ask_classifier` takes it.
        held_out: as :func:`verify_scores` takes it.
        task: as :func:`verify_scores` takes it.

    Raises:
        UserError: if those are no samples of the task, or their logits have another shape or are
            not finite.
    """
    return temperature(*_ask_held_out(ask, held_out, task))


def _ask_held_out(
    ask: Ask, held_out: Samples, task: ExtraTask
) -> tuple[Float[np.ndarray, "n num_classes"], Int[np.ndarray, " n"]]:
    """Logits and labels of samples that a classifier was not given."""
    shape, labels = np.shape(held_out.features)[1:], np.asarray(held_out.labels)
    if shape != task.shape:
        raise UserError(f"held_out has features of shape {shape}; the task's have {task.shape}")
    if not len(labels):
        raise UserError("held_out has no samples: give some hundreds, or leave it out")
    if not 0 <= labels.min() <= labels.max() < task.num_classes:
        raise UserError(
            f"held_out has labels from {labels.min()} to {labels.max()}; the task has "
            f"{task.num_classes} classes"
        )
    return logits_of(ask, held_out, task.num_classes), labels


def verify_reconstruction(
    params: Any = None,
    key: jax.Array | None = None,
    task: ExtraTask | None = None,
    *,
    predict: Callable[..., Any] | None = None,
    alpha: float = 0.01,
    forgiven: float = 0.5,
) -> ScoreVerdict:
    """Test by the errors of an autoencoder: are they smaller on the samples that it was given?

    The error is the mean square in the random region, over the variance of the region (noise that
    is further from grey is harder to reconstruct, memorised or not). What lies in the fixed region
    is the same in a sample and its twin. Memory makes all errors smaller, long before convergence
    by a little, which is forgiven.

    Args:
        params: as :func:`jaxverify.verify` takes it: a :class:`~jaxverify.TrainedModel`, a
            callable, or what ``predict`` takes.
        key: the secret key that the extra task was generated from.
        task: the extra task; ``num_classes`` is any number above 1, and labels are not used.
        predict: ``predict(params, features)`` returns reconstructions of the same shape, in the
            unit of the features: of images, 0 to 255. It gets at most 512 samples at once.
        alpha: α, the significance level.
        forgiven: the share of the error on the extra samples that may be gone before convergence.

    Raises:
        UserError: if something is missing or out of range, or predict returns another shape.

    Guarantee: the verdict of :func:`judge_scores` on minus the logarithms of the errors.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_reconstruction(lambda x: np.full(x.shape, 127.5), jax.random.key(1), task).outcome
    'NO POWER'
    """
    errors = reconstruction_errors(*whom_to_ask(params, key, task, predict))
    with np.errstate(divide="ignore"):
        scores, twin_scores = (-np.log(error) for error in errors)
    return judge_scores(scores, twin_scores, alpha=alpha, forgiven=forgiven)


def reconstruction_errors(
    ask: Ask, key: jax.Array, task: ExtraTask
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The errors on the extra samples and on their twins: what :func:`verify_reconstruction` ranks.

    Args:
        ask: ``ask(features)`` returns reconstructions.
        key: as there.
        task: as there.

    Guarantee: an error is 0 where the random region is reconstructed perfectly, and 1 where each of
    its features is given as the mean of all of them in that sample.
    """
    region = (slice(None), *region_slices(key, task))

    def error(samples: Samples) -> Float[np.ndarray, " n"]:
        features = np.asarray(samples.features)
        made = np.asarray(ask(samples.features))
        if made.shape != features.shape:
            raise UserError(f"predict made {made.shape} of features {features.shape}: give as many")
        true = features[region].reshape(len(features), -1).astype(np.float64)
        difference = made[region].reshape(len(features), -1).astype(np.float64) - true
        return np.square(difference).mean(axis=1) / true.var(axis=1)

    extra, others = (
        np.concatenate([error(batch) for batch in in_batches(samples)])
        for samples in (generate(key, task), twins(key, task))
    )
    return extra, others
