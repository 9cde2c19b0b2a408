"""Reading what a training script has saved: the run's facts, its checkpoints, its model."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from etils import epath

from jaxverify import keys, models
from jaxverify.errors import DataError, UserError
from jaxverify.files.json_file import read_json
from jaxverify.task.extra_task import ExtraTask
from jaxverify.verification.trained_model import TrainedModel

ABOUT, CHECKPOINTS, VOCABULARY = "config.json", "checkpoints", "vocabulary.json"
MODEL = "model"  # the item of a checkpoint that holds the model's variables


def about(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says of a run: configuration, task, data fingerprint, versions.

    Raises:
        UserError: if there is no run in the folder, or the file is damaged.
    """
    path = folder / ABOUT
    value = read_json(
        path,
        missing=f"{folder} is not a run folder: it has no {ABOUT}",
        damaged=f"{path} is damaged: it is not JSON",
    )
    if not isinstance(value, dict):
        raise DataError(f"{path} is damaged: it is no object")
    return value


def saved_steps(checkpoints: Path) -> list[int]:
    """The steps of the finished checkpoints in a folder of them, ascending."""
    return sorted(ocp.utils.checkpoint_steps(checkpoints)) if checkpoints.is_dir() else []


def extra_key(seed: int) -> jax.Array:
    """The key of the extra task of a run with this seed.

    It can be guessed: a run of ours shows what the method does, and protects nobody's data.
    """
    return keys.stream(jax.random.key(seed), "extra task")


def load_key(folder: Path | str) -> jax.Array:
    """The key of the extra task of a run: what :func:`jaxverify.verify` takes beside its model.

    Args:
        folder: of the run.

    Raises:
        UserError: if there is no run.
    """
    return extra_key(about(Path(folder))["config"]["seed"])


def load_model(folder: Path | str, step: int | None = None) -> TrainedModel:
    """The model of a run folder as it was after ``step`` steps.

    Args:
        folder: of the run.
        step: one of which there is a checkpoint; the last of them without it.

    Raises:
        UserError: if there is no run, no checkpoint, or none after ``step`` steps.

    Guarantee: nothing is unpickled.
    """
    folder = Path(folder)
    facts = about(folder)
    steps = saved_steps(folder / CHECKPOINTS)
    if not steps:
        raise UserError(f"{folder} holds no finished checkpoint yet")
    if step is not None and step not in steps:
        found = ", ".join(map(str, steps))
        raise UserError(f"{folder} holds no checkpoint after {step} steps, but after {found}")
    task = facts["task"]
    if task is not None:
        task = ExtraTask(**{**task, "shape": tuple(task["shape"])})
    module = models.create(
        facts["config"]["model"],
        num_classes=facts["num_classes"],
        vocab_size=facts["vocab_size"],
        dtype=facts["config"].get("precision", "float32"),  # earlier versions had no other
    )
    variables = load_variables(folder / CHECKPOINTS, steps[-1] if step is None else step)
    return TrainedModel(variables, models.Inference(module), task)


def load_vocabulary(folder: Path) -> tuple[tuple[str, ...], int]:
    """The word of each token id of a run on text, and how many words of a text are read.

    Raises:
        UserError: if they were not saved, as by runs of an earlier version.
    """
    path = folder / VOCABULARY
    try:
        value = json.loads(path.read_bytes())
        return tuple(map(str, value["words"])), int(value["max_length"])
    except OSError as error:
        raise UserError(f"{folder} holds no {VOCABULARY}: train again to have it saved") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{path} is damaged") from error


def load_variables(checkpoints: Path, step: int) -> dict[str, Any]:
    """The variables of a model, on the first device."""
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    path = epath.Path(checkpoints.absolute() / str(step) / MODEL)
    with closing(ocp.StandardCheckpointHandler()) as reader:
        like = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            reader.metadata(path).tree,
        )
        return reader.restore(path, args=ocp.args.StandardRestore(like))
