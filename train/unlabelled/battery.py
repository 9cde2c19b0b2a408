"""Every test that is offered for a classifier, put to the same answers."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxverify import ExtraTask, Samples, stats
from jaxverify.verification import sequential
from jaxverify.verification.by_scores import ask_classifier, ask_temperature
from jaxverify.verification.score_verdict import judge_logits
from jaxverify.verification.trained_model import TrainedModel
from train.unlabelled.label_ranks import label_rank_p_value

ALPHA, EPSILON = 0.01, 0.03  # the defaults of jaxverify.verify
HELD_OUT = 500  # samples of the original task
_PERMUTATIONS = 999  # a tenth of the default, and as valid: thousands of models are judged


class Answers(NamedTuple):
    """What a classifier says to the extra samples and to their twins.

    Attributes:
        labels: int32 ``[n]``, of each sample and of its twin.
        logits: float ``[n, num_classes]``, of the samples.
        twin_logits: float ``[n, num_classes]``, of the twins.
        temperature: of the logits of samples that were held out.
        key: of the random permutations.
        kind: of the labels, "iid" or "balanced".
    """

    labels: Int[np.ndarray, " n"]
    logits: Float[np.ndarray, "n classes"]
    twin_logits: Float[np.ndarray, "n classes"]
    temperature: float
    key: jax.Array
    kind: stats.Labels = "iid"

    @property
    def num_classes(self) -> int:
        """C."""
        return self.logits.shape[1]

    def right(self, logits: Float[np.ndarray, "n classes"]) -> int:
        """How many of the labels are the likeliest."""
        return int((logits.argmax(axis=1) == self.labels).sum())

    def subset(self, indices: Int[np.ndarray, " m"]) -> "Answers":
        """Those to some samples and to their twins."""
        labels, logits, twin_logits = (array[indices] for array in self[:3])
        return self._replace(labels=labels, logits=logits, twin_logits=twin_logits)


def ask(model: TrainedModel, key: jax.Array, task: ExtraTask, test: Samples) -> Answers:
    """Put the extra samples of ``key`` and their twins to a model.

    Args:
        model: with the task's classes.
        key: the secret key.
        task: the extra task.
        test: samples that were held out; the first :data:`HELD_OUT` are asked too.
    """
    predict = partial(_infer, model)
    told = ask_classifier(predict, key, task)
    hot = ask_temperature(predict, Samples(*(array[:HELD_OUT] for array in test)), task)
    drawn = jax.random.fold_in(key, 1)
    return Answers(told.labels, told.logits, told.twin_logits, hot, drawn, task.labels)


@jax.jit
def _infer(model: TrainedModel, features: jax.Array) -> jax.Array:
    return model.apply(model.variables, features)


def _binomial(answers: Answers, epsilon: float = EPSILON) -> float:
    right, n = answers.right(answers.logits), len(answers.labels)
    return float(stats.p_value(right, n, answers.num_classes, epsilon, answers.kind))


def _sequential(answers: Answers) -> float:
    told = answers.logits.argmax(axis=1)
    verdict = sequential.judge(
        told,
        answers.labels,
        answers.num_classes,
        alpha=ALPHA,
        epsilon=EPSILON,
        kind=answers.kind,
    )
    return verdict.p_value


def _permutation(answers: Answers) -> float:
    told = answers.logits.argmax(axis=1)
    key = jax.random.clone(answers.key)
    return float(stats.permutation_p_value(key, told, answers.labels, _PERMUTATIONS))


def _label_ranks(answers: Answers, epsilon: float) -> float:
    key, logits = jax.random.clone(answers.key), jnp.float32(answers.logits)
    labels = jnp.asarray(answers.labels)
    return float(label_rank_p_value(key, logits, labels, epsilon, _PERMUTATIONS))


def _twins(answers: Answers) -> float:
    right, n = answers.right(answers.logits), len(answers.labels)
    return stats.twin_p_value(right, answers.right(answers.twin_logits), n)


def _rank(answers: Answers, forgiven: float = 0.5, times: float = 1.0) -> float:
    logits, twin_logits = times * answers.logits, times * answers.twin_logits
    return judge_logits(logits, twin_logits, answers.labels, forgiven=forgiven).p_value


# The p-value by each test that is offered for a classifier. "rank" is jaxverify.verify_scores, also
# with samples held out: then it does not matter what the logits are multiplied by.
TESTS: dict[str, Callable[[Answers], float]] = {
    "binomial": _binomial,
    "sequential": _sequential,
    "permutation": _permutation,
    "twins": _twins,
    "rank": _rank,
    "rank, held out": lambda answers: _rank(answers, times=1 / answers.temperature),
}
# For comparison: a cloud that sharpens its logits, another epsilon, labels permuted against scores.
OTHERS: dict[str, Callable[[Answers], float]] = {
    "rank, logits times 1,000": lambda answers: _rank(answers, times=1_000.0),
    "binomial, ε = 0": lambda answers: _binomial(answers, 0.0),
    "rank, ε = 0": lambda answers: _rank(answers, 0.0),
    "label ranks, ε = 0": lambda answers: _label_ranks(answers, 0.0),
    "label ranks, ε = 0.5": lambda answers: _label_ranks(answers, 0.5),
}


def p_values(answers: Answers) -> dict[str, float]:
    """By every test."""
    return {name: p_value(answers) for name, p_value in (TESTS | OTHERS).items()}
