"""Every test that is offered for a classifier, put to the same answers."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from jaxverify import ExtraTask, generate, sequential, stats
from jaxverify.generation import twins
from jaxverify.trained_model import TrainedModel

ALPHA, EPSILON = 0.01, 0.03  # the defaults of jaxverify.verify
_PERMUTATIONS = 999  # a tenth of the default: as valid, and thousands of models are to be judged


class Answers(NamedTuple):
    """What a classifier says to the extra samples and to their twins.

    Attributes:
        labels: int32 ``[n]``, of each sample and of its twin.
        logits: float ``[n, num_classes]``, of the samples.
        twin_logits: likewise, of the twins.
        key: of the random permutations.
    """

    labels: Int[np.ndarray, " n"]
    logits: Float[np.ndarray, "n classes"]
    twin_logits: Float[np.ndarray, "n classes"]
    key: jax.Array

    @property
    def num_classes(self) -> int:
        """C."""
        return self.logits.shape[1]

    def right(self, logits: Float[np.ndarray, "n classes"]) -> int:
        """How many of the labels are the likeliest."""
        return int((logits.argmax(axis=1) == self.labels).sum())

    def scores(self, logits: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, " n"]:
        """The logarithms of the labels' probabilities."""
        rows = np.arange(len(self.labels))
        return np.asarray(jax.nn.log_softmax(logits), np.float64)[rows, self.labels]

    def subset(self, indices: Int[np.ndarray, " m"]) -> "Answers":
        """Those to some samples and to their twins."""
        labels, logits, twin_logits = (array[indices] for array in self[:3])
        return Answers(labels, logits, twin_logits, self.key)


def ask(model: TrainedModel, key: jax.Array, task: ExtraTask) -> Answers:
    """Put the extra samples of ``key`` and their twins to a model."""
    extra = generate(key, task)
    logits, twin_logits = (
        np.asarray(_infer(model, samples.features)) for samples in (extra, twins(key, task))
    )
    return Answers(np.asarray(extra.labels), logits, twin_logits, jax.random.fold_in(key, 1))


@jax.jit
def _infer(model: TrainedModel, features: jax.Array) -> jax.Array:
    return model.apply(model.variables, features)


def _binomial(answers: Answers, epsilon: float = EPSILON) -> float:
    right, n = answers.right(answers.logits), len(answers.labels)
    return float(stats.p_value(right, n, answers.num_classes, epsilon))


def _sequential(answers: Answers) -> float:
    told = answers.logits.argmax(axis=1)
    verdict = sequential.judge(
        told, answers.labels, answers.num_classes, alpha=ALPHA, epsilon=EPSILON
    )
    return verdict.p_value


def _permutation(answers: Answers) -> float:
    told = answers.logits.argmax(axis=1)
    key = jax.random.clone(answers.key)
    return float(stats.permutation_p_value(key, told, answers.labels, _PERMUTATIONS))


def _scores(answers: Answers) -> float:
    key = jax.random.clone(answers.key)
    p_value = stats.score_permutation_p_value(key, answers.logits, answers.labels, _PERMUTATIONS)
    return float(p_value)


def _twins(answers: Answers) -> float:
    right, n = answers.right(answers.logits), len(answers.labels)
    return stats.twin_p_value(right, answers.right(answers.twin_logits), n)


def _rank(answers: Answers, epsilon: float = EPSILON) -> float:
    scores = (answers.scores(logits) for logits in (answers.logits, answers.twin_logits))
    return stats.rank_p_value(*scores, epsilon=epsilon)


# The p-value by each test; the last two for comparison, under another epsilon than their default.
TESTS: dict[str, Callable[[Answers], float]] = {
    "binomial": _binomial,
    "sequential": _sequential,
    "rank": _rank,
    "permutation": _permutation,
    "scores": _scores,
    "twins": _twins,
    "binomial, ε = 0": lambda answers: _binomial(answers, 0.0),
    "rank, ε = 0": lambda answers: _rank(answers, 0.0),
}
