"""Verification by scores: does the model do better on the extra samples than on their twins?

For models that give no labels, such as autoencoders, and for those that give more than a label.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from jaxverify.errors import UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.generation import generate, region_slices, twins
from jaxverify.samples import Samples
from jaxverify.score_verdict import ScoreVerdict, judge_odds, judge_scores

_BATCH = 512  # bounds the memory of the forward pass


def verify_scores(
    predict: Callable[[Any], Any],
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.5,
) -> ScoreVerdict:
    """Test by the scores of a classifier: does it favour the labels that it was given?

    The error on a sample is the odds against its label, (1-p)/p; its twin has the same label.
    Early in training a model gets a little better on all that it was given: epsilon forgives it,
    in the odds and, since whoever gives logits can sharpen them, in their order too.

    Args:
        predict: ``predict(features)`` returns logits ``[n, num_classes]``; logarithms of
            probabilities are logits. It gets at most 512 samples at once.
        key: the secret key that the extra task was generated from.
        task: the extra task.
        alpha: α, the significance level.
        epsilon: ε, the share of the odds against its labels that may be gone, and of the samples
            that may be known, before convergence.

    Raises:
        UserError: if a value is out of range, or predict returns another shape.

    Guarantee: the verdict of :func:`judge_odds` on the logarithms of the odds for the labels.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_scores(lambda x: np.zeros((len(x), 2)), jax.random.key(1), task).outcome
    'NO POWER'
    """
    return judge_odds(*classification_odds(predict, key, task), alpha=alpha, epsilon=epsilon)


class Odds(NamedTuple):
    """What :func:`judge_odds` judges.

    Attributes:
        scores: logarithms of the odds for the labels of the extra samples.
        twin_scores: likewise, of their twins.
        labels: int ``[n]``, of both.
    """

    scores: Float[np.ndarray, " n"]
    twin_scores: Float[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]


def classification_odds(predict: Callable[[Any], Any], key: jax.Array, task: ExtraTask) -> Odds:
    """Those that a classifier gives for the labels of the extra samples and of their twins.

    Args:
        predict: as :func:`verify_scores` takes it, like the rest.
        key: likewise.
        task: likewise.

    Raises:
        UserError: if predict returns another shape.

    Guarantee: :func:`log_odds` of what predict returns.
    """

    def score(samples: Samples) -> Float[np.ndarray, " n"]:
        labels = np.asarray(samples.labels)
        logits = np.asarray(predict(samples.features), np.float64)
        if logits.shape != (len(labels), task.num_classes):
            raise UserError(
                f"predict returned shape {logits.shape} for {len(labels)} samples; logits "
                f"[{len(labels)}, {task.num_classes}] are wanted"
            )
        return log_odds(logits, labels)

    scores, twin_scores = _ask(score, key, task)
    return Odds(scores, twin_scores, np.asarray(generate(key, task).labels))


def log_odds(
    logits: Float[np.ndarray, "n num_classes"], labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The logarithm of the odds that a classifier gives for each label.

    Args:
        logits: of the classes.
        labels: in [0, num_classes).

    >>> log_odds(np.log([[0.8, 0.1, 0.1]]), np.array([0])).round(3)  # 4 to 1
    array([1.386])
    """
    own = np.arange(logits.shape[1]) == labels[:, None]
    return logits[own] - logsumexp(np.where(own, -np.inf, logits), axis=1)


def verify_reconstruction(
    predict: Callable[[Any], Any],
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.5,
) -> ScoreVerdict:
    """Test by the errors of an autoencoder: are they smaller on the samples that it was given?

    The error is the mean square in the random region, over the variance of the region (noise that
    is further from grey is harder to reconstruct, memorised or not). What lies in the fixed region
    is the same in a sample and its twin. Memory makes all errors smaller, long before convergence
    by a little: what may be gone before is told by epsilon.

    Args:
        predict: ``predict(features)`` returns reconstructions of the same shape, in the unit of
            the features: of images, 0 to 255. It gets at most 512 samples at once.
        key: the secret key that the extra task was generated from.
        task: the extra task; ``num_classes`` is any number above 1, and labels are not used.
        alpha: α, the significance level.
        epsilon: ε, the share of the error on the extra samples that may be gone before convergence.

    Raises:
        UserError: if a value is out of range, or predict returns another shape.

    Guarantee: the verdict of :func:`judge_scores` on minus the logarithms of the errors.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_reconstruction(lambda x: np.full(x.shape, 127.5), jax.random.key(1), task).outcome
    'NO POWER'
    """
    errors = reconstruction_errors(predict, key, task)
    with np.errstate(divide="ignore"):
        scores, twin_scores = (-np.log(error) for error in errors)
    return judge_scores(scores, twin_scores, alpha=alpha, epsilon=epsilon)


def reconstruction_errors(
    predict: Callable[[Any], Any], key: jax.Array, task: ExtraTask
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The errors on the extra samples and on their twins: what :func:`verify_reconstruction` ranks.

    Args:
        predict: as there, like the rest.
        key: likewise.
        task: likewise.

    Guarantee: an error is 0 where the random region is reconstructed perfectly, and 1 where each of
    its features is given as the mean of all of them in that sample.
    """
    region = (slice(None), *region_slices(key, task))

    def error(samples: Samples) -> Float[np.ndarray, " n"]:
        features = np.asarray(samples.features)
        made = np.asarray(predict(samples.features))
        if made.shape != features.shape:
            raise UserError(f"predict made {made.shape} of features {features.shape}: give as many")
        true = features[region].reshape(len(features), -1).astype(np.float64)
        difference = made[region].reshape(len(features), -1).astype(np.float64) - true
        return np.square(difference).mean(axis=1) / true.var(axis=1)

    return _ask(error, key, task)


def _ask(
    score: Callable[[Samples], Float[np.ndarray, " m"]], key: jax.Array, task: ExtraTask
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The scores of the extra samples and of their twins."""

    def every(samples: Samples) -> Float[np.ndarray, " n"]:
        parts = (
            Samples(*(array[start : start + _BATCH] for array in samples))
            for start in range(0, task.num_samples, _BATCH)
        )
        return np.concatenate([score(part) for part in parts])

    return every(generate(key, task)), every(twins(key, task))
