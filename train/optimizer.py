"""The optimizer of a run, from optax."""

import jax
import optax

from train.config import Config


def make_optimizer(config: Config, steps_per_epoch: int) -> optax.GradientTransformation:
    """The optimizer that ``config`` names, under its schedule.

    Args:
        config: of the run.
        steps_per_epoch: turns the schedule's epochs into steps.
    """
    schedule = make_schedule(config, steps_per_epoch)
    if config.optimizer == "adamw":
        return optax.adamw(schedule, weight_decay=config.weight_decay, mask=_is_matrix)
    return optax.chain(
        optax.add_decayed_weights(config.weight_decay, mask=_is_matrix),
        optax.sgd(schedule, momentum=0.9, nesterov=True),
    )


def make_schedule(config: Config, steps_per_epoch: int) -> optax.Schedule:
    """The learning rate by step, float32."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    steps = max(1, round(config.epochs * steps_per_epoch) - warmup)
    match config.schedule:
        case "constant":
            main = optax.constant_schedule(config.learning_rate)
        case "cosine":
            main = optax.cosine_decay_schedule(config.learning_rate, steps)
        case "step":
            drops = {steps // 2: 0.1, steps * 3 // 4: 0.1}
            main = optax.piecewise_constant_schedule(config.learning_rate, drops)
    if warmup == 0:
        return main
    rise = optax.linear_schedule(0.0, config.learning_rate, warmup)
    return optax.join_schedules([rise, main], [warmup])


def _is_matrix(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda p: p.ndim > 1, params)
