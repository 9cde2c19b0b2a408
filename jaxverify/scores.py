"""Verification by scores: does the model do better on the extra samples than on their twins?

For models that give no labels, such as autoencoders, and for those that give more than a label.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.generation import generate, region_slices, twins
from jaxverify.samples import Samples

if TYPE_CHECKING:
    from rich.console import Group

_BATCH = 512  # bounds the memory of the forward pass


@dataclass(frozen=True)
class ScoreVerdict:
    """What the scores of the extra samples, beside those of their twins, say of a model.

    Attributes:
        passed: whether p_value <= alpha.
        p_value: the probability of so large an AUC, were no more than the share epsilon memorised.
        auc: the probability that an extra sample scores higher than a twin; 0.5 is chance.
        auc_lower: its lower bound, one-sided, at confidence 1 - alpha.
        auc_upper: its upper bound, likewise.
        num_samples: N, extra samples, and as many twins.
        alpha: α.
        epsilon: ε; of a classifier, of the extra samples; of an autoencoder, of its error on them.
        memorised: of an autoencoder, the share of the error on the extra samples that is gone,
            beside that on their twins, in the geometric mean; otherwise None.

    Guarantee: a model that has memorised at most the share epsilon passes with a probability of at
    most alpha; and no model FAILs: many cannot memorise at all.
    """

    passed: bool
    p_value: float
    auc: float
    auc_lower: float
    auc_upper: float
    num_samples: int
    alpha: float
    epsilon: float
    memorised: float | None = None

    @property
    def outcome(self) -> Literal["PASS", "NO POWER"]:
        """Whether it passed; where it did not, nothing is shown."""
        return "PASS" if self.passed else "NO POWER"

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values."""
        return {"outcome": self.outcome, "test": "rank", **asdict(self)}

    def to_json(self) -> str:
        """:meth:`to_dict` as one JSON object."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def __rich__(self) -> "Group":
        """A page for the terminal: ``rich.print(verdict)``."""
        from jaxverify.report.terminal import score_page

        return score_page(self.to_dict())


def verify_scores(
    predict: Callable[[Any], Any],
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
) -> ScoreVerdict:
    """Test by the scores of a classifier: does it favour the labels that it was given?

    A sample's score is the logarithm of the probability of its label; its twin has the same label.

    Args:
        predict: ``predict(features)`` returns logits ``[n, num_classes]``; logarithms of
            probabilities are logits. It gets at most 512 samples at once.
        key: the secret key that the extra task was generated from.
        task: the extra task.
        alpha: α, the significance level.
        epsilon: ε, the share of extra samples that may be memorised before convergence.

    Raises:
        UserError: if a value is out of range, or predict returns another shape.

    Guarantee: the verdict of :func:`judge_scores` on these scores; the same for logits that differ
    by a number a sample.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_scores(lambda x: np.zeros((len(x), 2)), jax.random.key(1), task).outcome
    'NO POWER'
    """

    def score(samples: Samples) -> Float[np.ndarray, " n"]:
        labels = np.asarray(samples.labels)
        logits = jnp.asarray(predict(samples.features), jnp.float32)
        if logits.shape != (len(labels), task.num_classes):
            raise UserError(
                f"predict returned shape {logits.shape} for {len(labels)} samples; logits "
                f"[{len(labels)}, {task.num_classes}] are wanted"
            )
        log_probabilities = np.asarray(jax.nn.log_softmax(logits, axis=-1), np.float64)
        return log_probabilities[np.arange(len(labels)), labels]

    scores, twin_scores = _ask(score, key, task)
    return judge_scores(scores, twin_scores, alpha=alpha, epsilon=epsilon)


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

    Guarantee: where an error on an extra sample, over 1-ε, may have changed places with that on its
    twin without anybody's seeing it, a pass has a probability of at most alpha.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> verify_reconstruction(lambda x: np.full(x.shape, 127.5), jax.random.key(1), task).outcome
    'NO POWER'
    """
    if not 0 <= epsilon < 1:
        raise UserError(f"epsilon is {epsilon}; it is a share of at least 0 and below 1")
    errors = reconstruction_errors(predict, key, task)
    with np.errstate(divide="ignore"):
        scores, twin_scores = (-np.log(error) for error in errors)
    found = judge_scores(scores, twin_scores, alpha=alpha, epsilon=0.0)
    p_value = stats.rank_p_value(scores + math.log1p(-epsilon), twin_scores, epsilon=0.0)
    with np.errstate(invalid="ignore"):  # where all errors are 0 there is no share of them
        gone = float(np.nan_to_num(1 - np.exp(twin_scores.mean() - scores.mean())))
    return replace(found, p_value=p_value, passed=p_value <= alpha, epsilon=epsilon, memorised=gone)


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


def judge_scores(
    scores: Float[np.ndarray, " n"],
    twin_scores: Float[np.ndarray, " n"],
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
) -> ScoreVerdict:
    """The verdict on scores that were given elsewhere.

    Args:
        scores: of the extra samples in order; NaN is the lowest.
        twin_scores: of their twins, in the same order.
        alpha: α, the significance level.
        epsilon: ε, the share of extra samples that may be memorised before convergence.

    Raises:
        UserError: if there is not one twin for each sample, or a value is out of its range.

    Guarantee: that of :func:`jaxverify.stats.rank_p_value`.

    >>> judge_scores(np.arange(100.0) + 200, np.arange(100.0)).outcome
    'PASS'
    """
    auc = stats.auc(scores, twin_scores)
    lower, upper = stats.auc_bounds(auc, len(scores), 1 - alpha)
    p_value = stats.rank_p_value(scores, twin_scores, epsilon)
    return ScoreVerdict(p_value <= alpha, p_value, auc, lower, upper, len(scores), alpha, epsilon)


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
