"""Training without a run folder: for hundreds of small models."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import jax
import numpy as np

from jaxverify import Samples, TrainedModel, keys, models
from jaxverify.training.augment import AUGMENTATIONS
from train.config import Config
from train.objective import objective_of
from train.optimizer import make_optimizer
from train.state import State, init_state
from train.steps import make_train_step
from train.training_set import epoch_order, make_training_set


def fit(config: Config) -> TrainedModel:
    """The model of one run, in inference mode.

    Args:
        config: of the run, of one seed; what it says of evaluations and folders does not count.

    Guarantee: the model of :func:`train.loop.train`, up to rounding.
    """
    data = make_training_set(config)

    def key(name: str) -> jax.Array:
        return keys.stream(jax.random.key(config.seed), name)

    num_samples, size = len(data.train.labels), config.batch_size
    steps = num_samples // size
    length = config.epochs if config.stop_epoch is None else config.stop_epoch
    num_steps = round(length * steps)
    orders = [
        epoch_order(key("order"), epoch, num_samples)[: steps * size].reshape(steps, size)
        for epoch in range(-(-num_steps // steps))
    ]
    alike = replace(config, seed=0)
    inference, begin, go_on = _program(alike, steps, data.num_classes, data.vocab_size)
    state = begin(key("initial parameters"), data.train.features[:1])
    samples = Samples(*map(jax.numpy.asarray, data.train))
    state = go_on(state, samples, np.concatenate(orders)[:num_steps], key("steps"))
    return TrainedModel(state.variables, inference, data.task)


@lru_cache
def _program(
    config: Config, steps_per_epoch: int, num_classes: int, vocab_size: int | None
) -> tuple[models.Inference, Callable[..., State], Callable[..., State]]:
    """The network, how its state begins, and how it goes on: compiled once for all seeds."""
    module = models.create(
        config.model, num_classes=num_classes, vocab_size=vocab_size, dtype=config.precision
    )
    optimizer = make_optimizer(config, steps_per_epoch)
    augment = AUGMENTATIONS[config.augment].apply
    train_step = make_train_step(module, optimizer, augment, objective_of(config).loss)

    @jax.jit
    def begin(key: jax.Array, example: jax.Array) -> State:
        return init_state(key, module, optimizer, example)

    @jax.jit
    def go_on(state: State, samples: Samples, orders: jax.Array, key: jax.Array) -> State:
        def one(state: State, order: jax.Array) -> tuple[State, None]:
            batch = Samples(samples.features[order], samples.labels[order])
            # A clone: to JAX's check of reuse a loop uses its keys up, though every step folds it.
            return train_step(state, batch, jax.random.clone(key))[0], None

        return jax.lax.scan(one, state, orders)[0]

    return models.Inference(module), begin, go_on
