"""Answers of a model that one of our training scripts has saved."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from jaxverify import models, runs
from jaxverify.data.images import decode
from jaxverify.data.text import encode
from jaxverify.errors import DataError, UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.asking import AskBatch
from jaxverify.task.extra_task import Kind

ToFeatures = Callable[[Mapping[str, list[Any]]], Num[np.ndarray, "n ..."]]


def open_run(path: Path, kind: Kind, classes: Classes) -> AskBatch:
    """The model in a run folder, or in one of its checkpoints.

    Args:
        path: ``RUN``, of which the last checkpoint is taken, or ``RUN/checkpoints/STEP``.
        kind: of the questions.
        classes: of the labels; the run numbers them as its data did.

    Raises:
        UserError: if there is no such run or checkpoint, or the model has other classes, or none.

    Guarantee: texts become token ids as they did in training, and images the same pixels.
    """
    folder, step = path, None
    if path.parent.name == runs.CHECKPOINTS and path.name.isdecimal():
        folder, step = path.parent.parent, int(path.name)
    model, about = runs.load_model(folder, step), runs.about(folder)
    if about["config"]["model"] in models.AUTOENCODERS:
        raise UserError(
            f"{folder} has an autoencoder, which gives no labels: in Python, "
            "jaxverify.verify_reconstruction judges it"
        )
    number = about["num_classes"]
    if number != len(classes.names):
        raise UserError(f"{folder} has a model of {number} classes, not of {len(classes.names)}")
    to_features = _to_features(folder, kind)

    def ask(ids: Sequence[str], columns: Mapping[str, list[Any]]) -> Sequence[Any]:
        del ids
        logits = np.asarray(
            model.apply(model.variables, jnp.asarray(to_features(columns))), np.float32
        )
        return logits.tolist()

    return ask


def _to_features(folder: Path, kind: Kind) -> ToFeatures:
    if kind == "text":
        vocabulary, max_length = runs.load_vocabulary(folder)
        return lambda columns: encode(_only(columns), vocabulary, max_length)
    if kind == "image":
        return lambda columns: decode(_only(columns), "the questions")
    return lambda columns: np.column_stack([np.array(v, np.float32) for v in columns.values()])


def _only(columns: Mapping[str, list[Any]]) -> list[Any]:
    if len(columns) != 1:
        raise DataError(f"one column is wanted, not {', '.join(columns)}")
    (values,) = columns.values()
    return values
