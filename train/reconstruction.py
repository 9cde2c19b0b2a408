"""Training without labels: the loss, the evaluation and the verdict of an autoencoder."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxverify import (
    ExtraTask,
    Samples,
    ScoreVerdict,
    TrainedModel,
    models,
    verify_reconstruction,
)
from jaxverify.verification.by_scores import reconstruction_errors
from train.config import Config
from train.evaluation import Evaluation, batches, one_behind
from train.mesh import DataMesh
from train.state import State
from train.training_set import TrainingSet

_WHITE = 255  # errors are in units of the range of a pixel


def squared_error(outputs: jax.Array, batch: Samples) -> tuple[jax.Array, jax.Array]:
    """The mean squared error of each reconstruction; none is right or wrong, so none is right."""
    errors = (outputs - batch.features.astype(outputs.dtype)) / _WHITE
    losses = jnp.square(errors).reshape(len(errors), -1).mean(axis=1)
    return losses, jnp.zeros(len(errors), bool)


def make_evaluation(config: Config, mesh: DataMesh, module: nn.Module) -> Evaluation:
    """What a run without labels is measured by."""
    infer = jax.jit(models.Inference(module))

    @mesh.jit_eval
    def total_error(state: State, batch: Samples) -> jax.Array:
        losses, _ = squared_error(jnp.asarray(module.apply(state.variables, batch.features)), batch)
        return jnp.sum(jnp.where(batch.labels >= 0, losses, 0))

    def extra_task(state: State, data: TrainingSet, key: jax.Array) -> dict[str, Any]:
        assert data.task is not None
        predict = partial(infer, mesh.local(state.variables))
        verdict = verify_reconstruction(
            predict, key, data.task, alpha=config.alpha, forgiven=config.forgiven
        )
        errors = reconstruction_errors(predict, key, data.task)
        return {
            "extra_error": float(errors[0].mean()),
            "twins_error": float(errors[1].mean()),
            "extra_memorised": verdict.memorised,
            "extra_auc": verdict.auc,
            "p_value": verdict.p_value,
            "passed": verdict.passed,
        }

    def everything(state: State, data: TrainingSet, key: jax.Array) -> dict[str, Any]:
        shares = (jax.tree.map(mesh.share, b) for b in batches(data.test, config.eval_batch_size))
        errors = (total_error(state, mesh.put(share)) for share in shares)
        total = sum(map(float, one_behind(errors)))
        test_loss = total / len(data.test.labels)
        row = {
            "train_loss": float(state.tally.loss) / int(state.tally.samples),
            "test_loss": test_loss,
            "test_explained": 1 - test_loss / _variance(data.test),
        }
        return row if data.task is None else row | extra_task(state, data, key)

    return Evaluation(everything, extra_task)


def verify(model: TrainedModel, key: jax.Array, config: Config) -> ScoreVerdict:
    """The verdict on a trained autoencoder."""
    task = model.task
    assert isinstance(task, ExtraTask)
    predict = partial(jax.jit(model.apply), model.variables)  # compiled for the evaluations
    return verify_reconstruction(predict, key, task, alpha=config.alpha, forgiven=config.forgiven)


def _variance(samples: Samples) -> float:
    """The mean squared error of giving every sample the mean of all as its reconstruction."""
    return float((np.asarray(samples.features, np.float32) / _WHITE).var(axis=0).mean())
