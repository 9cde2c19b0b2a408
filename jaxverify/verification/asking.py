"""Whom a verification asks, about which task, and in what batches."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxverify import keys
from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.samples import Samples
from jaxverify.verification.trained_model import TrainedModel

BATCH = 512  # bounds the memory of the forward pass; most extra tasks fit into one batch

Ask = Callable[[Any], Any]


def whom_to_ask(
    params: Any,
    key: jax.Array | None,
    task: ExtraTask | None,
    predict: Callable[..., Any] | None,
) -> tuple[Ask, jax.Array, ExtraTask]:
    """The model as a function of the features alone, the key, and the task.

    Args:
        params: a :class:`TrainedModel`; a callable that takes features; or what ``predict`` takes
            before the features.
        key: of the extra task.
        task: the extra task; a :class:`TrainedModel` brings its own.
        predict: ``predict(params, features)``, or ``predict(features)`` where ``params`` is None.

    Raises:
        UserError: if something is missing, or the key is none of JAX's typed threefry keys.
    """
    if isinstance(params, TrainedModel):
        task = params.task if task is None else task
        predict = _predict_trained if predict is None else predict
    if key is None:
        raise UserError("key is missing: the extra task cannot be drawn without it")
    keys.check(key)
    if task is None:
        raise UserError("task is missing: pass task=, or a TrainedModel that was given one")
    if predict is not None:
        return predict if params is None else partial(predict, params), key, task
    if not callable(params):
        raise UserError(
            f"predict is missing: {type(params).__name__} is neither a TrainedModel nor a callable"
        )
    return params, key, task


@jax.jit  # compiled once for all models of one architecture and task
def _predict_trained(model: TrainedModel, features: jax.Array) -> jax.Array:
    return model.apply(model.variables, features)


def in_batches(samples: Samples) -> Iterator[Samples]:
    """Samples, at most ``BATCH`` at once, in order."""
    for start in range(0, len(samples.labels), BATCH):
        yield Samples(*(array[start : start + BATCH] for array in samples))


def logits_of(ask: Ask, samples: Samples, num_classes: int) -> np.ndarray:
    """What a classifier says to samples, float64 ``[n, num_classes]``.

    Raises:
        UserError: if it returns another shape.
    """
    return np.concatenate([_logits(ask, batch, num_classes) for batch in in_batches(samples)])


def _logits(ask: Ask, samples: Samples, num_classes: int) -> np.ndarray:
    logits, n = np.asarray(ask(samples.features), np.float64), len(samples.labels)
    if logits.shape != (n, num_classes):
        raise UserError(
            f"predict returned shape {logits.shape} for {n} samples; logits [{n}, {num_classes}] "
            "are wanted"
        )
    return logits
