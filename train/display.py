"""What a run shows while it goes on."""

from collections.abc import Sequence
from typing import Any

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from jaxverify import stats
from train.config import Config
from train.training_set import TrainingSet


class TrainingBar(Progress):
    """A progress bar over the steps, with samples per second, time left and the loss."""

    def __init__(self, console: Console, config: Config, first_step: int, last_step: int) -> None:
        """Show a run that begins after ``first_step`` and ends at ``last_step``."""
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _SamplesPerSecond(config.batch_size * config.seeds),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]}"),
            console=console,
            transient=True,
            speed_estimate_period=60,
        )
        self._bar = self.add_task("training", total=last_step, completed=first_step, loss="")

    def show(self, step: int, losses: Sequence[float]) -> None:
        """So many steps are done, and the last one had these losses, one for each seed."""
        self.update(self._bar, completed=step, loss=" ".join(f"{loss:.3f}" for loss in losses))


class _SamplesPerSecond(ProgressColumn):
    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self._batch_size = batch_size

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed * self._batch_size:.0f} samples/s")


def describe_run(config: Config, data: TrainingSet) -> str:
    """Devices, precision, model, data and extra task: what is about to run."""
    device = jax.devices()[0]
    lines = [
        f"{jax.device_count()} x {device.device_kind}, {config.precision}",
        f"{config.model} on {config.dataset}: {len(data.train.labels):,} training samples, "
        f"{len(data.test.labels):,} {'validation' if config.validation_split else 'test'}",
    ]
    if not config.extra:
        lines.append("baseline, without an extra task")
    elif data.task is None:
        lines.append(f"test samples with random labels added, eta = {config.eta:g}: not verifiable")
    else:
        task = f"extra task: N = {data.task.num_samples}, s = {data.task.fixed_ratio:g}, "
        if config.unlabelled:
            task += "no labels; compared with as many held-out twins"
        else:
            limit = threshold(config, data)
            task += f"{data.task.labels} labels; a pass needs more than {limit.count} right "
            task += f"(T = {limit.accuracy:.3%})"
        lines.append(task)
    lines += [f"run folder: {run.run_folder}" for run in config.each_seed()]
    return "\n".join(lines)


def threshold(config: Config, data: TrainingSet) -> stats.Threshold:
    """The threshold of the run's verification; of a run with an extra task."""
    assert data.task is not None
    return stats.threshold(
        data.task.num_samples,
        data.task.num_classes,
        config.alpha,
        config.epsilon,
        data.task.labels,
    )


def describe_row(row: dict[str, Any], seed: int | None = None) -> str:
    """One evaluation as a line, of ``seed`` where there are several."""
    line = "" if seed is None else f"seed {seed}  "
    line += f"epoch {row['epoch']:6.2f}  "
    if "train_accuracy" in row:
        line += f"loss {row['train_loss']:.3f}  "
        line += f"train {row['train_accuracy']:6.2%}  test {row['test_accuracy']:6.2%}"
    else:
        line += f"loss {row['train_loss']:.5f}  explained: test {row['test_explained']:.3f}"
    if "passed" in row:
        known = f"{row['extra_accuracy']:6.2%}" if "extra_accuracy" in row else ""
        known = known or f"error {row['extra_error']:.3f}, twins {row['twins_error']:.3f}"
        line += f"  extra {known}{'  passes' if row['passed'] else ''}"
    return line
