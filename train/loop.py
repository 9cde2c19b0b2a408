"""A training run, told from top to bottom."""

import math
import time
from contextlib import ExitStack
from typing import Any

import jax
import numpy as np
from rich.console import Console

from jaxverify import TrainedModel, UserError, models
from jaxverify.runs import extra_key
from train import processes
from train.augment import AUGMENTATIONS
from train.compiled import keep_compiled_programs
from train.config import Config
from train.display import TrainingBar, describe_row, describe_run
from train.feeds import Recipe, choose_feed
from train.interruption import Interruption
from train.mesh import DataMesh
from train.objective import objective_of
from train.optimizer import make_optimizer
from train.run_folder import RunFolder
from train.seeds import SeedRun, common_step, side_by_side, stack, take
from train.state import State, init_state
from train.steps import make_train_step
from train.summary import quality, summarise
from train.training_set import make_training_set


class TrainingError(UserError):
    """Training itself went wrong: the loss is no longer a number."""


def train(config: Config, console: Console) -> list[RunFolder]:
    """Train as ``config`` says, evaluate along the way, verify at the end; every seed by itself.

    Args:
        config: the whole run.
        console: where progress is shown.

    Returns:
        list: for each seed its folder, finished, with verdict, result and picture.

    Raises:
        UserError: if the configuration, the data or a run folder cannot be used.
        TrainingError: if a loss becomes NaN or infinite.

    Guarantee: the run is a function of the configuration and the data; killed at any moment and
    resumed, it ends, on a CPU, with the same parameters bit for bit.
    """
    config.check()
    keep_compiled_programs()
    mesh, objective = DataMesh(), objective_of(config)
    mesh.check_batch("batch_size", config.batch_size)
    mesh.check_batch("eval_batch_size", config.eval_batch_size)
    # Of several seeds the sets have other contents and orders, but the same shapes.
    data = [make_training_set(alone) for alone in config.each_seed()]
    console.print(describe_run(config, data[0]), highlight=False, soft_wrap=True)
    num_samples, batch_size = len(data[0].train.labels), config.batch_size
    if num_samples < batch_size:
        raise UserError(f"batch_size is {batch_size}, more than the {num_samples} samples")
    steps_per_epoch = num_samples // batch_size
    evaluation_steps = _every(config.eval_every, config, steps_per_epoch)
    probing_steps = frozenset()
    if config.probe_every is not None and data[0].task is not None:
        probing_steps = _every(config.probe_every, config, steps_per_epoch)
    # Of several seeds, a kill may catch one before the others: the step before is still wanted.
    keep = None if config.keep_checkpoints == "all" else min(config.seeds, 2)
    pairs = zip(config.each_seed(), data, strict=True)
    runs = [SeedRun.begin(alone, its_data, keep) for alone, its_data in pairs]

    # What is computed: pure functions of explicit state and key.
    module = models.create(
        config.model,
        num_classes=data[0].num_classes,
        vocab_size=data[0].vocab_size,
        dtype=config.precision,
    )
    optimizer = make_optimizer(config, steps_per_epoch)
    train_step = make_train_step(module, optimizer, AUGMENTATIONS[config.augment], objective.loss)
    recipe = Recipe(
        train_step=side_by_side(train_step),
        data=[run.data.train for run in runs],
        step_keys=stack([run.key("steps") for run in runs]),
        order_keys=[run.key("order") for run in runs],
        batch_size=batch_size,
        stops=evaluation_steps | probing_steps,
    )
    feed = choose_feed(mesh, recipe)
    evaluation = objective.make_evaluation(config, mesh, module)

    # Where it begins: at fresh parameters, or at the last checkpoint that all seeds have.
    example = data[0].train.features[:1]
    states = [
        mesh.replicate(init_state(run.key("initial parameters"), module, optimizer, example))
        for run in runs
    ]
    first_step = common_step(runs, evaluation_steps)
    latest = [run.rewind(first_step) for run in runs]
    if first_step > 0:
        pairs = zip(runs, states, strict=True)
        states = [run.checkpoints.restore(first_step, like=state) for run, state in pairs]
        console.print(f"going on after step {first_step} of {max(evaluation_steps)}")
    stacked, state_of = mesh.jit(stack)(states), mesh.jit(take)
    del states  # as large again
    started = time.monotonic() - max(row["seconds"] for row in latest)

    def at(step: int) -> dict[str, Any]:
        return {"step": step, "epoch": step / steps_per_epoch}

    def evaluate(run: SeedRun, state: State, step: int) -> dict[str, Any]:
        row = at(step) | evaluation.everything(state, run.data, extra_key(run.config.seed))
        row["seconds"] = round(time.monotonic() - started, 3)
        run.folder.append_metrics(row)
        name = run.config.seed if len(runs) > 1 else None
        console.print(describe_row(row, name), highlight=False, soft_wrap=True)
        return row

    bar = TrainingBar(console, config, first_step, max(evaluation_steps))
    with Interruption() as interruption, ExitStack() as checkpoints, bar:
        for run in runs:
            checkpoints.enter_context(run.checkpoints)
        step, previous_losses = first_step, None
        while step < max(evaluation_steps):
            interruption.raise_if_asked()
            stacked, losses = feed.advance(stacked, step)
            if previous_losses is not None:  # read while the steps just begun are running
                bar.show(step, _finite(previous_losses, step, config))
            step, previous_losses = step + len(losses), losses

            if step not in recipe.stops:
                continue
            bar.show(step, _finite(losses, step, config))
            # On one core XLA cannot compile while a step over several devices is running.
            jax.block_until_ready(stacked)
            if step in evaluation_steps:
                for run in runs:  # so that no seed gets two checkpoints ahead of another
                    run.checkpoints.wait()
                for i, run in enumerate(runs):
                    state = state_of(stacked, i)
                    latest[i] = evaluate(run, state, step)
                    run.checkpoints.save(step, state.with_empty_tally(), quality(latest[i]))
                stacked = stacked.with_empty_tally()
            else:  # a probe: the crossing, to a finer step and at little cost
                for i, run in enumerate(runs):
                    state = state_of(stacked, i)
                    found = evaluation.extra_task(state, run.data, extra_key(run.config.seed))
                    if found["passed"] and not latest[i].get("passed", False):
                        latest[i] = evaluate(run, state, step)
                    else:
                        latest[i] = at(step) | found
                        run.folder.append_probe(latest[i])

    for i, run in enumerate(runs):
        variables = mesh.local(state_of(stacked, i).variables)
        if processes.is_first():
            model = TrainedModel(variables, models.Inference(module), run.data.task)
            _conclude(run, console, model, num_seeds=len(runs))
    return [run.folder for run in runs]


def _every(epochs: float, config: Config, steps_per_epoch: int) -> frozenset[int]:
    """The steps at multiples of so many epochs, and the last of the run."""
    length = config.epochs if config.stop_epoch is None else config.stop_epoch
    last = max(1, round(length * steps_per_epoch))
    count = math.floor(length / epochs)
    regular = {round(k * epochs * steps_per_epoch) for k in range(1, count + 1)}
    return frozenset({step for step in regular if 1 <= step <= last} | {last})


def _finite(losses: jax.Array, step: int, config: Config) -> list[float]:
    """Of the steps that end at ``step`` the last one's losses, if all are numbers."""
    values = np.asarray(losses)
    for i, j in np.argwhere(~np.isfinite(values))[:1]:
        whose = f" of seed {config.seed + j}" if config.seeds > 1 else ""
        first = step - len(values) + 1 + i
        raise TrainingError(
            f"the loss{whose} is {values[i, j]} at step {first}: lower learning_rate"
        )
    return values[-1].tolist()


def _conclude(run: SeedRun, console: Console, model: TrainedModel, num_seeds: int) -> None:
    """Verify the trained model and leave verdict, result and picture in the run folder."""
    config, data, folder = run.config, run.data, run.folder
    rows, probes = folder.metrics(), folder.probes()
    objective = objective_of(config)
    result = {**folder.about(), "summary": summarise(rows, probes), "seconds": rows[-1]["seconds"]}
    result["seeds_side_by_side"] = num_seeds  # whose time the seconds are
    if num_seeds > 1:
        console.rule(f"seed {config.seed}")
    if data.task is not None:
        verdict = objective.verify(model, extra_key(config.seed), config)
        folder.write_json("verdict.json", verdict.to_dict())
        result["verdict"] = verdict.to_dict()
        console.print(verdict)
    folder.write_json("result.json", {**result, "evaluations": rows, "probes": probes})
    folder.write_bytes("curve.png", objective.draw(config, data, rows, probes))
    console.print(f"picture: {folder.path / 'curve.png'}")
