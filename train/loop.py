"""A training run, told from top to bottom."""

import time
from contextlib import ExitStack
from typing import Any

import jax
import numpy as np
from rich.console import Console

from jaxverify import TrainedModel, UserError, models
from jaxverify.training.augment import AUGMENTATIONS
from train import processes
from train.compiled import keep_compiled_programs
from train.config import Config
from train.display import TrainingBar, describe_row, describe_run
from train.evaluation import steps_every
from train.feeds import Recipe, choose_feed, train_iter
from train.interruption import Interruption
from train.mesh import DataMesh
from train.objective import objective_of
from train.optimizer import make_optimizer
from train.run_folder import RunFolder
from train.seeds import SeedRun, common_step, side_by_side, stack, take
from train.state import State, init_state
from train.steps import make_train_step
from train.summary import quality, summarise


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
    # Of several seeds, a kill may catch one before the others: the step before is still wanted.
    keep = None if config.keep_checkpoints == "all" else min(config.seeds, 2)
    # Of several seeds the sets have other contents and orders, but the same shapes.
    runs = [SeedRun.begin(alone, keep) for alone in config.each_seed()]
    data = runs[0].data
    console.print(describe_run(config, data), highlight=False, soft_wrap=True)
    steps_per_epoch = len(data.train.labels) // config.batch_size
    evaluation_steps = steps_every(config.eval_every, config, steps_per_epoch)
    probing_steps = frozenset()
    if config.probe_every is not None and data.task is not None:
        probing_steps = steps_every(config.probe_every, config, steps_per_epoch)

    # What is computed: pure functions of explicit state and key.
    module = models.create(
        config.model,
        num_classes=data.num_classes,
        vocab_size=data.vocab_size,
        dtype=config.precision,
    )
    optimizer = make_optimizer(config, steps_per_epoch)
    train_step = make_train_step(
        module, optimizer, AUGMENTATIONS[config.augment].apply, objective.loss
    )
    recipe = Recipe(
        train_step=side_by_side(train_step),
        data=[run.data.train for run in runs],
        step_keys=stack([run.key("steps") for run in runs]),
        order_keys=[run.key("order") for run in runs],
        batch_size=config.batch_size,
        stops=evaluation_steps | probing_steps,
    )
    evaluation = objective.make_evaluation(config, mesh, module)

    # Where it begins: at fresh parameters, or at the last checkpoint that all seeds have.
    def begin(key: jax.Array) -> State:
        return mesh.replicate(init_state(key, module, optimizer, data.train.features[:1]))

    first_step, last_step = common_step(runs, evaluation_steps), max(evaluation_steps)
    for run in runs:
        run.rewind(first_step)
    if first_step > 0:
        console.print(f"going on after step {first_step} of {last_step}")
    states = mesh.jit(stack)([run.begin_or_restore(first_step, begin) for run in runs])
    state_of = mesh.jit(take)
    started = time.monotonic() - max(run.latest["seconds"] for run in runs)

    def at(step: int) -> dict[str, Any]:
        return {"step": step, "epoch": step / steps_per_epoch}

    def evaluate(run: SeedRun, state: State, step: int) -> None:
        row = at(step) | evaluation.everything(state, run.data, run.extra_key)
        row["seconds"] = round(time.monotonic() - started, 3)
        run.folder.append_metrics(row)
        name = run.config.seed if len(runs) > 1 else None
        console.print(describe_row(row, name), highlight=False, soft_wrap=True)
        run.latest = row

    def probe(run: SeedRun, state: State, step: int) -> None:
        """The crossing, to a finer step and at little cost."""
        row = evaluation.extra_task(state, run.data, run.extra_key)
        if row["passed"] and not run.latest.get("passed", False):
            return evaluate(run, state, step)
        run.latest = at(step) | row
        run.folder.append_probe(run.latest)

    bar = TrainingBar(console, config, first_step, last_step)
    steps = train_iter(choose_feed(mesh, recipe), states, first_step, last_step, evaluation_steps)
    with Interruption() as interruption, ExitStack() as checkpoints, bar:
        for run in runs:
            checkpoints.enter_context(run.checkpoints)
        previous = None
        for step, states, losses in steps:
            if previous is not None:  # read while the steps just begun are running
                bar.show(step - len(losses), _finite(previous, step - len(losses), config))
            previous = losses
            interruption.raise_if_asked()
            if step not in recipe.stops:
                continue
            bar.show(step, _finite(losses, step, config))
            # On one core XLA cannot compile while a step over several devices is running.
            jax.block_until_ready(states)
            if step not in evaluation_steps:
                for i, run in enumerate(runs):
                    probe(run, state_of(states, i), step)
                continue
            for run in runs:  # so that no seed gets two checkpoints ahead of another
                run.checkpoints.wait()
            for i, run in enumerate(runs):
                evaluate(run, state := state_of(states, i), step)
                run.checkpoints.save(step, state.with_empty_tally(), quality(run.latest))

    for i, run in enumerate(runs):
        variables = mesh.local(state_of(states, i).variables)
        if processes.is_first():
            model = TrainedModel(variables, models.Inference(module), run.data.task)
            _conclude(run, console, model, num_seeds=len(runs))
    return [run.folder for run in runs]


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
        verdict = objective.verify(model, run.extra_key, config)
        folder.write_json("verdict.json", verdict.to_dict())
        result["verdict"] = verdict.to_dict()
        console.print(verdict)
    folder.write_json("result.json", {**result, "evaluations": rows, "probes": probes})
    folder.write_bytes("curve.png", objective.draw(config, data, rows, probes))
    console.print(f"picture: {folder.path / 'curve.png'}")
