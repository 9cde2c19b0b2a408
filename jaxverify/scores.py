"""Verification by scores: does the model do better on the extra samples than on their twins?

For models that give no labels, such as autoencoders, and for those that give more than a label.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.extra_task import ExtraTask
from jaxverify.generation import generate, twins
from jaxverify.samples import Samples

if TYPE_CHECKING:
    from rich.console import Group

Score = Callable[[Samples], Any]

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
        epsilon: ε.

    Guarantee: a model that has memorised at most the share epsilon of the extra samples passes with
    a probability of at most alpha; and no model FAILs: many cannot memorise at all.
    """

    passed: bool
    p_value: float
    auc: float
    auc_lower: float
    auc_upper: float
    num_samples: int
    alpha: float
    epsilon: float

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
    score: Score,
    key: jax.Array,
    task: ExtraTask,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
) -> ScoreVerdict:
    """Test the hypothesis that a model knows no more of the extra samples than of their twins.

    Args:
        score: ``score(samples)`` returns floats ``[n]``, the higher the better the model knows the
            sample: :func:`reconstruction_score`, :func:`label_score`, or any of your own. It gets
            at most 512 samples at once.
        key: the secret key that the extra task was generated from.
        task: the extra task. Of data without labels, ``num_classes`` is any number above 1, and
            the labels are not used.
        alpha: α, the significance level.
        epsilon: ε, the share of extra samples that may be memorised before convergence.

    Raises:
        UserError: if a value is out of range, or score returns another shape.

    Guarantee: the verdict of :func:`judge_scores` on what ``score`` returns for the extra samples
    and for their held-out twins.

    >>> task = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=100)
    >>> given = {x.tobytes() for x in np.asarray(generate(jax.random.key(1), task).features)}
    >>> verify_scores(
    ...     lambda samples: np.array([float(x.tobytes() in given) for x in samples.features]),
    ...     jax.random.key(1),
    ...     task,
    ... ).outcome
    'PASS'
    """
    both = (_ask(score, samples) for samples in (generate(key, task), twins(key, task)))
    return judge_scores(*both, alpha=alpha, epsilon=epsilon)


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
        alpha: as :func:`verify_scores` takes it.
        epsilon: likewise.

    Raises:
        UserError: as :func:`verify_scores` does.
    """
    auc = stats.auc(scores, twin_scores)
    lower, upper = stats.auc_bounds(auc, len(scores), 1 - alpha)
    p_value = stats.rank_p_value(scores, twin_scores, epsilon)
    return ScoreVerdict(p_value <= alpha, p_value, auc, lower, upper, len(scores), alpha, epsilon)


def reconstruction_score(predict: Callable[[Any], Any], task: ExtraTask) -> Score:
    """Minus the mean squared error of a reconstruction, on the random region alone.

    What lies in the fixed region is the same in a sample and its twin, and would only hide what is
    not.

    Args:
        predict: ``predict(features)`` returns reconstructions of the same shape, in the unit of
            the features: of images, 0 to 255.
        task: the extra task.

    Raises:
        UserError: where it is called, if the reconstructions are of another shape.

    Guarantee: it is 0 for what is reconstructed perfectly in the random region, and below 0
    otherwise.
    """

    def score(samples: Samples) -> Float[np.ndarray, " n"]:
        features = np.asarray(samples.features)
        made = np.asarray(predict(samples.features))
        if made.shape != features.shape:
            raise UserError(f"predict made {made.shape} of features {features.shape}: give as many")
        region = (slice(None), *task.random_region)
        error = made[region].astype(np.float64) - features[region].astype(np.float64)
        return -np.square(error).mean(axis=tuple(range(1, error.ndim)))

    return score


def label_score(predict: Callable[[Any], Any]) -> Score:
    """The logarithm of the probability that a classifier gives to the label of a sample.

    Args:
        predict: ``predict(features)`` returns logits ``[n, num_classes]``; logarithms of
            probabilities are logits.

    Raises:
        UserError: where it is called, if there is no logit of each label.

    Guarantee: the same for logits that differ by a number a sample.
    """

    def score(samples: Samples) -> Float[np.ndarray, " n"]:
        labels = np.asarray(samples.labels)
        logits = jnp.asarray(predict(samples.features))
        if logits.ndim != 2 or len(logits) != len(labels) or labels.max() >= logits.shape[1]:
            raise UserError(
                f"predict returned {logits.shape} for {len(labels)} samples with labels up to "
                f"{labels.max()}; logits [{len(labels)}, num_classes] are wanted"
            )
        log_probabilities = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
        return np.asarray(log_probabilities, np.float64)[np.arange(len(labels)), labels]

    return score


def _ask(score: Score, samples: Samples) -> Float[np.ndarray, " n"]:
    def batch(start: int) -> Shaped[np.ndarray, "..."]:
        part = Samples(*(np.asarray(array)[start : start + _BATCH] for array in samples))
        found = np.asarray(score(part))
        if found.shape != part.labels.shape or found.dtype.kind not in "fiu":
            raise UserError(
                f"score returned shape {found.shape} and type {found.dtype} for "
                f"{len(part.labels)} samples; a number for each is wanted"
            )
        return found.astype(np.float64)

    return np.concatenate([batch(start) for start in range(0, len(samples.labels), _BATCH)])
