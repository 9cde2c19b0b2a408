"""The pure steps of training and evaluation; the loop jits them over the mesh."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Int

from jaxverify.task.samples import Samples
from jaxverify.training.augment import Augment
from train.state import State, Tally

TrainStep = Callable[[State, Samples, jax.Array], tuple[State, jax.Array]]
EvalStep = Callable[[State, Samples], Int[jax.Array, ""]]
# Of outputs and the batch that they are for: the loss of each sample, and whether it is right.
Loss = Callable[[jax.Array, Samples], tuple[jax.Array, jax.Array]]


def cross_entropy(logits: jax.Array, batch: Samples) -> tuple[jax.Array, jax.Array]:
    """The loss of a classifier, and whether its answer is the label."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(batch.labels))
    return losses, logits.argmax(-1) == batch.labels


def make_train_step(
    module: nn.Module,
    optimizer: optax.GradientTransformation,
    augment: Augment,
    loss: Loss = cross_entropy,
) -> TrainStep:
    """``train_step(state, batch, key) -> (state, loss)``: one step of gradient descent.

    All randomness of a step comes from ``fold_in(key, state.step)``, so a resumed run draws what
    the interrupted one would have drawn.
    """

    def train_step(state: State, batch: Samples, key: jax.Array) -> tuple[State, jax.Array]:
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(key, state.step))
        batch = Samples(augment(augment_key, jnp.asarray(batch.features)), batch.labels)

        def loss_fn(params):
            outputs, statistics = module.apply(
                {"params": params, **state.statistics},
                batch.features,
                train=True,
                rngs={"dropout": dropout_key},
                mutable=list(state.statistics),
            )
            losses, correct = loss(outputs, batch)
            return losses.mean(), (correct, statistics)

        grad_fn = jax.value_and_grad(loss_fn, has_aux=True)
        (mean_loss, (correct, statistics)), grads = grad_fn(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        size = batch.labels.shape[0]
        tally = Tally(
            loss=state.tally.loss + mean_loss * size,
            correct=state.tally.correct + jnp.sum(correct, dtype=jnp.int32),
            samples=state.tally.samples + size,
        )
        params = optax.apply_updates(state.params, updates)
        return State(state.step + 1, params, statistics, opt_state, tally), mean_loss

    return train_step


def make_eval_step(module: nn.Module) -> EvalStep:
    """``eval_step(state, batch)``: how many labels are answered right; label -1 never is."""

    def eval_step(state: State, batch: Samples) -> Int[jax.Array, ""]:
        logits = jnp.asarray(module.apply(state.variables, batch.features))
        return jnp.sum(logits.argmax(-1) == batch.labels)

    return eval_step
