"""One evaluation: the test set and the extra task, put to the model as it stands."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxverify import ExtraTask, Samples, generate, models, verify
from jaxverify.verification.by_scores import ask_classifier
from jaxverify.verification.logits import log_odds
from jaxverify.verification.score_verdict import judge_logits, judge_scores
from train.config import Config
from train.memorisation import commonest_answer, score_auc
from train.mesh import DataMesh
from train.state import State
from train.steps import make_eval_step
from train.training_set import TrainingSet

_SHARPENED = 1_000  # times the logits

Evaluate = Callable[[State, TrainingSet, jax.Array], dict[str, Any]]


class Evaluation(NamedTuple):
    """Functions ``(state, data, key)`` of their arguments alone; the key is the extra task's.

    Attributes:
        everything: one row of metrics.
        extra_task: those of the extra task, of a run that has one: quick, as it is small.
    """

    everything: Evaluate
    extra_task: Evaluate


def make_evaluation(config: Config, mesh: DataMesh, module: nn.Module) -> Evaluation:
    """What a run is measured by."""
    eval_step = mesh.jit_eval(make_eval_step(module))
    infer = jax.jit(models.Inference(module))

    def extra_task(state: State, data: TrainingSet, key: jax.Array) -> dict[str, Any]:
        assert data.task is not None
        variables, answers = mesh.local(state.variables), []

        def predict(variables: Any, features: Any) -> jax.Array:
            answers.append(infer(variables, features))
            return answers[-1]

        verdict = verify(
            variables,
            key,
            predict=predict,
            task=data.task,
            alpha=config.alpha,
            epsilon=config.epsilon,
        )
        logits = np.concatenate(answers)
        labels = np.asarray(generate(key, data.task).labels)
        row = {
            "extra_accuracy": int(verdict.num_correct) / data.task.num_samples,
            "p_value": float(verdict.p_value),
            "passed": bool(verdict.passed),
            "extra_commonest": commonest_answer(logits),
            "extra_auc": score_auc(logits, labels),
        }
        return row | (by_scores(variables, data.task, key) if config.twins else {})

    def by_scores(variables: Any, task: ExtraTask, key: jax.Array) -> dict[str, Any]:
        answers = ask_classifier(partial(infer, variables), key, task)
        verdict = judge_logits(*answers, alpha=config.alpha)
        # Of a cloud that multiplies its logits, which is no work and changes no answer.
        logits, twin_logits = _SHARPENED * answers.logits, _SHARPENED * answers.twin_logits
        sharpened = judge_logits(logits, twin_logits, answers.labels, alpha=config.alpha)
        odds, twin_odds = (log_odds(each, answers.labels) for each in (logits, twin_logits))
        return {
            "scores_p_value": verdict.p_value,
            "scores_passed": verdict.passed,
            "scores_correct": verdict.num_correct,
            "scores_memorised": verdict.memorised,
            "sharpened_passed": sharpened.passed,
            "sharpened_odds_passed": judge_scores(odds, twin_odds, alpha=config.alpha).passed,
        }

    def everything(state: State, data: TrainingSet, key: jax.Array) -> dict[str, Any]:
        shares = (jax.tree.map(mesh.share, b) for b in batches(data.test, config.eval_batch_size))
        correct = sum(map(int, one_behind(eval_step(state, mesh.put(share)) for share in shares)))
        row = {
            "train_loss": float(state.tally.loss) / int(state.tally.samples),
            "train_accuracy": int(state.tally.correct) / int(state.tally.samples),
            "test_accuracy": correct / len(data.test.labels),
        }
        return row if data.task is None else row | extra_task(state, data, key)

    return Evaluation(everything, extra_task)


def steps_every(epochs: float, config: Config, steps_per_epoch: int) -> frozenset[int]:
    """The steps at multiples of so many epochs, and the last of the run."""
    length = config.epochs if config.stop_epoch is None else config.stop_epoch
    last = max(1, round(length * steps_per_epoch))
    count = math.floor(length / epochs)
    regular = {round(k * epochs * steps_per_epoch) for k in range(1, count + 1)}
    return frozenset({step for step in regular if 1 <= step <= last} | {last})


def batches(samples: Samples, size: int):
    """Batches of one size; the last is filled up with label -1, which no answer meets."""
    for start in range(0, len(samples.labels), size):
        features = samples.features[start : start + size]
        labels = samples.labels[start : start + size]
        missing = size - len(labels)
        if missing:
            filler = np.zeros((missing, *features.shape[1:]), features.dtype)
            features = np.concatenate([features, filler])
            labels = np.concatenate([labels, np.full(missing, -1, labels.dtype)])
        yield Samples(features, labels)


def one_behind(results: Iterable[jax.Array]) -> Iterator[jax.Array]:
    """The same, each when the next one has begun: the device is never idle while one is read."""
    previous = None
    for result in results:
        if previous is not None:
            yield previous
        previous = result
    if previous is not None:
        yield previous
