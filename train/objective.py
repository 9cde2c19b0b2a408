"""What a network is trained for, and so what a run is measured and judged by."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax

from jaxverify import ScoreVerdict, TrainedModel, Verdict, verify
from train import reconstruction
from train.config import Config
from train.curve import draw_curve, draw_reconstruction
from train.display import threshold
from train.evaluation import Evaluation, make_evaluation
from train.mesh import DataMesh
from train.steps import Loss, cross_entropy
from train.training_set import TrainingSet

Row = dict[str, Any]


class Objective(NamedTuple):
    """The functions in which training with labels and without them differ.

    Attributes:
        loss: of a batch.
        make_evaluation: what the run is measured by on its way.
        verify: the verdict on the trained model, from the key of the extra task.
        draw: the picture of the run, a PNG, from its evaluations and probes.
    """

    loss: Loss
    make_evaluation: Callable[[Config, DataMesh, nn.Module], Evaluation]
    verify: Callable[[TrainedModel, jax.Array, Config], Verdict | ScoreVerdict]
    draw: Callable[[Config, TrainingSet, Sequence[Row], Sequence[Row]], bytes]


def objective_of(config: Config) -> Objective:
    """Labels, or reconstruction where the network learns without them."""
    return RECONSTRUCTION if config.unlabelled else CLASSIFICATION


def _verify_answers(model: TrainedModel, key: jax.Array, config: Config) -> Verdict:
    return verify(
        model.variables,
        key,
        predict=jax.jit(
            model.apply
        ),  # compiled for the evaluations; verify(model, key) has its own
        task=model.task,
        alpha=config.alpha,
        epsilon=config.epsilon,
    )


def _draw_accuracies(
    config: Config, data: TrainingSet, rows: Sequence[Row], probes: Sequence[Row]
) -> bytes:
    limit = None if data.task is None else threshold(config, data).accuracy
    return draw_curve(_title(config), rows, limit, probes)


def _draw_reconstruction(
    config: Config, data: TrainingSet, rows: Sequence[Row], probes: Sequence[Row]
) -> bytes:
    del data
    return draw_reconstruction(_title(config), rows, probes)


def _title(config: Config) -> str:
    return f"{config.model} on {config.dataset}"


CLASSIFICATION = Objective(cross_entropy, make_evaluation, _verify_answers, _draw_accuracies)
RECONSTRUCTION = Objective(
    reconstruction.squared_error,
    reconstruction.make_evaluation,
    reconstruction.verify,
    _draw_reconstruction,
)
