"""A training run, told from top to bottom."""

import math
import time

import jax
from rich.console import Console

from jaxverify import Samples, TrainedModel, UserError, keys, models, verify
from train.augment import AUGMENTATIONS
from train.checkpoint import Checkpoints
from train.config import Config
from train.curve import draw_curve
from train.display import TrainingBar, describe_row, describe_run, threshold
from train.evaluation import make_evaluate
from train.interruption import Interruption
from train.mesh import DataMesh
from train.optimizer import make_optimizer
from train.run_folder import RunFolder
from train.state import Tally, init_state
from train.steps import make_train_step
from train.summary import summarise
from train.training_set import TrainingSet, epoch_order, extra_key, make_training_set


class TrainingError(UserError):
    """Training itself went wrong: the loss is no longer a number."""


def train(config: Config, console: Console) -> RunFolder:
    """Train one model as ``config`` says, evaluate it along the way, verify it at the end.

    Args:
        config: the whole run.
        console: where progress is shown.

    Returns:
        RunFolder: finished, with verdict, result and picture.

    Raises:
        UserError: if the configuration, the data or the run folder cannot be used.
        TrainingError: if the loss becomes NaN or infinite.

    Guarantee: the run is a function of the configuration and the data; killed at any moment and
    resumed, it ends, on a CPU, with the same parameters bit for bit.
    """
    config.check()
    mesh = DataMesh()
    mesh.check_batch("batch_size", config.batch_size)
    mesh.check_batch("eval_batch_size", config.eval_batch_size)
    data = make_training_set(config)
    console.print(describe_run(config, data), highlight=False, soft_wrap=True)
    num_samples, batch_size = len(data.train.labels), config.batch_size
    if num_samples < batch_size:
        raise UserError(f"batch_size is {batch_size}, more than the {num_samples} samples")
    steps_per_epoch = num_samples // batch_size
    evaluation_steps = _evaluation_steps(config, steps_per_epoch)

    # What is computed: pure functions of explicit state and key.
    root = jax.random.key(config.seed)
    step_key, order_key = keys.stream(root, "steps"), keys.stream(root, "order")
    module = models.create(config.model, num_classes=data.num_classes, vocab_size=data.vocab_size)
    optimizer = make_optimizer(config, steps_per_epoch)
    train_step = mesh.jit_train(make_train_step(module, optimizer, AUGMENTATIONS[config.augment]))
    evaluate = make_evaluate(config, mesh, module, data)

    # Where it begins: at fresh parameters, or at the last checkpoint of the run.
    folder = RunFolder.begin(config, data)
    checkpoints = Checkpoints(folder.checkpoints)
    init_key = keys.stream(root, "initial parameters")
    state = mesh.replicate(init_state(init_key, module, optimizer, data.train.features[:1]))
    if checkpoints.last_step() is not None:
        state = checkpoints.restore(like=state)
        console.print(f"going on after step {int(state.step)} of {max(evaluation_steps)}")
    first_step = int(state.step)
    seconds_before = folder.rewind(first_step)
    started = time.monotonic() - seconds_before

    bar = TrainingBar(console, config, first_step, max(evaluation_steps))
    with Interruption() as interruption, checkpoints, bar:
        previous_loss, order, order_epoch = None, None, None
        for step in range(first_step, max(evaluation_steps)):
            interruption.raise_if_asked()
            epoch, position = divmod(step, steps_per_epoch)
            if order is None or epoch != order_epoch:
                order, order_epoch = epoch_order(order_key, epoch, num_samples), epoch
            chosen = order[position * batch_size : (position + 1) * batch_size]
            batch = Samples(data.train.features[chosen], data.train.labels[chosen])
            state, loss = train_step(state, mesh.put(batch), step_key)

            if previous_loss is not None:  # read while the step just begun is running
                bar.show(step, _finite(previous_loss, step))
            previous_loss = loss

            if step + 1 in evaluation_steps:
                bar.show(step + 1, _finite(loss, step + 1))
                row = {"step": step + 1, "epoch": (step + 1) / steps_per_epoch, **evaluate(state)}
                row["seconds"] = round(time.monotonic() - started, 3)
                state = state._replace(tally=mesh.replicate(Tally.zero()))
                folder.append_metrics(row)
                checkpoints.save(step + 1, state, row["test_accuracy"])
                console.print(describe_row(row), highlight=False, soft_wrap=True)

    model = TrainedModel(state.variables, models.Inference(module), data.task)
    _conclude(config, console, folder, data, model)
    return folder


def _evaluation_steps(config: Config, steps_per_epoch: int) -> frozenset[int]:
    """After which steps to evaluate; the run ends with the last of them."""
    length = config.epochs if config.stop_epoch is None else config.stop_epoch
    last = max(1, round(length * steps_per_epoch))
    count = math.floor(length / config.eval_every)
    regular = {round(k * config.eval_every * steps_per_epoch) for k in range(1, count + 1)}
    return frozenset({step for step in regular if 1 <= step <= last} | {last})


def _finite(loss: jax.Array, step: int) -> float:
    value = float(loss)
    if not math.isfinite(value):
        raise TrainingError(f"the loss is {value} at step {step}: lower learning_rate")
    return value


def _conclude(
    config: Config, console: Console, folder: RunFolder, data: TrainingSet, model: TrainedModel
) -> None:
    """Verify the trained model and leave verdict, result and picture in the run folder."""
    rows = folder.metrics()
    limit = None
    result = {**folder.about(), "summary": summarise(rows), "seconds": rows[-1]["seconds"]}
    if data.task is not None:
        limit = threshold(config, data).accuracy
        verdict = verify(model, extra_key(config.seed), alpha=config.alpha, epsilon=config.epsilon)
        folder.write_json("verdict.json", verdict.to_dict())
        result["verdict"] = verdict.to_dict()
        console.print(verdict)
    folder.write_json("result.json", {**result, "evaluations": rows})
    title = f"{config.model} on {config.dataset}"
    folder.write_bytes("curve.png", draw_curve(title, rows, limit))
    console.print(f"picture: {folder.path / 'curve.png'}")
