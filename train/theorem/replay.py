"""Theorem 1 at every checkpoint of a finished run."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console
from rich.progress import Progress

from jaxverify import Samples, TrainedModel, UserError, keys, models
from jaxverify.gradients import compare, task_gradients
from jaxverify.runs import load_variables, saved_steps
from train.config import Config
from train.json_lines import JsonLines, Row
from train.run_folder import RunFolder
from train.training_set import make_parts, natural_samples, subset

_CHUNKS = 25  # of each task, in the paper's Figure 5
_DIGITS = 5


class Tasks(NamedTuple):
    """The samples that are measured.

    Attributes:
        clean: of D_c, some drawn at random.
        extra: D_r, all of it.
        natural: test samples with random labels, as many as extra ones; not trained on.
        num_clean: n_c, the size of D_c.
    """

    clean: Samples
    extra: Samples
    natural: Samples
    num_clean: int


def replay(path: Path, data: Path | None, clean_samples: int, console: Console) -> list[Row]:
    """Measure every checkpoint of the run in ``path``, from the untrained network on.

    Goes on where it was stopped: the rows are kept in the run folder's ``theorem.jsonl``.

    Guarantee: a run in another precision is measured in float32.

    Args:
        path: the run folder.
        data: where the data lie, if not where they lay in training.
        clean_samples: how many of D_c are measured, at most.
        console: where progress is shown.

    Returns:
        list: a row for each checkpoint, in the order of training: its evaluation, the comparison,
        and the norms of single samples as their percentiles 0, 1, ... 100.

    Raises:
        UserError: if the run has no extra task or no checkpoint, or the data are others.
    """
    folder = RunFolder(path)
    about = folder.about()
    config = Config.from_json(about["config"])
    if about["task"] is None:
        raise UserError(f"the run in {path} has no extra task to compare with")
    if data is not None:
        config = Config.from_json(config.to_json() | {"data": str(data)})
    steps = [0, *saved_steps(folder.checkpoints)]
    if len(steps) == 1:
        raise UserError(f"{path} holds no checkpoint: train it with --keep-checkpoints all")
    tasks = _tasks(config, about["data_fingerprint"], clean_samples)
    module = models.create(
        config.model, num_classes=about["num_classes"], vocab_size=about["vocab_size"]
    )
    lines = JsonLines(path / "theorem.jsonl")
    lines.rewind(steps[-1])  # cuts off what a crash left of a last line
    measured = {row["step"]: row for row in lines.read() if row["clean_samples"] == clean_samples}
    evaluations = {row["step"]: row for row in folder.metrics()}
    apply = models.Inference(module)
    for step in _with_bar([step for step in steps if step not in measured], console):
        started = time.monotonic()
        if step == 0:
            key = keys.stream(jax.random.key(config.seed), "initial parameters")
            variables = dict(jax.jit(module.init)(key, tasks.clean.features[:1]))
        else:
            variables = load_variables(folder.checkpoints, step)
        found = _measure(TrainedModel(variables, apply), tasks)
        row = {"step": step, "epoch": 0.0, **evaluations.get(step, {}), **found}
        row |= {"clean_samples": clean_samples, "seconds": round(time.monotonic() - started, 3)}
        lines.append(row)
        measured[step] = row
    return [measured[step] for step in steps]


def _tasks(config: Config, fingerprint: str, clean_samples: int) -> Tasks:
    parts = make_parts(config)
    if parts.dataset.fingerprint != fingerprint:
        raise UserError(f"{config.dataset} is not the data that the run was trained on")
    assert parts.extra is not None  # as the run has a task
    key = keys.stream(jax.random.key(config.seed), "theorem")
    clean_key, natural_key = jax.random.split(key)
    num_clean, num_extra = len(parts.original.labels), len(parts.extra.labels)
    clean_samples = min(clean_samples, num_clean)
    clean = subset(clean_key, parts.original, clean_samples, "clean_samples")
    num_natural = min(num_extra, len(parts.test.labels) - 1)
    natural, _ = natural_samples(natural_key, parts.test, num_natural, parts.dataset.num_classes)
    return Tasks(clean, jax.tree.map(np.asarray, parts.extra), natural, num_clean)


def _measure(model: TrainedModel, tasks: Tasks) -> dict[str, Any]:
    of = {
        name: task_gradients(model, samples, num_chunks=min(_CHUNKS, len(samples.labels)))
        for name, samples in tasks._asdict().items()
        if name != "num_clean"
    }
    num_extra = len(tasks.extra.labels)
    sizes = {"num_clean": tasks.num_clean, "num_extra": num_extra}
    comparison = compare(of["clean"], of["extra"], **sizes)
    natural = compare(of["clean"], of["natural"], **sizes)
    norms = {name: np.percentile(task.norms, np.arange(101)) for name, task in of.items()}
    return {
        "comparison": _rounded(comparison.to_dict()),
        "natural_coherence": _rounded(list(natural.extra_coherence)),
        "norms": {name: _rounded(percentiles.tolist()) for name, percentiles in norms.items()},
    }


def _rounded(value: Any) -> Any:
    """To so many digits as mean anything in float32, so that files stay small."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return value if value is None else float(f"{value:.{_DIGITS}g}")


def _with_bar(steps: list[int], console: Console) -> Iterator[int]:
    with Progress(console=console, transient=True) as progress:
        yield from progress.track(steps, description="measuring checkpoints")
