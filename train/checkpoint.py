"""Checkpoints of a run, by Orbax: the only module that knows it."""

from contextlib import closing
from pathlib import Path
from typing import Any, Self

import jax
import orbax.checkpoint as ocp
from etils import epath

from train.state import State

# The model's variables are an item of their own, so that a model can be loaded without knowing
# how it was trained.
_MODEL, _TRAINING = "model", "training"


class Checkpoints:
    """The last checkpoint of a run and the one of the best test accuracy.

    Saving is atomic, and goes on in the background while the next steps run.
    """

    def __init__(self, folder: Path) -> None:
        """Open, or begin, the checkpoints in ``folder``."""
        policy = ocp.checkpoint_managers.AnyPreservationPolicy(
            [
                ocp.checkpoint_managers.LatestN(1),
                ocp.checkpoint_managers.BestN(get_metric_fn=_accuracy, n=1),
            ]
        )
        options = ocp.CheckpointManagerOptions(preservation_policy=policy, best_fn=_accuracy)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def last_step(self) -> int | None:
        """The step of the last checkpoint, if there is one."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, test_accuracy: float) -> None:
        """Begin to write the state after ``step`` steps; waits for the one before, if need be."""
        items = ocp.args.Composite(
            **{
                _MODEL: ocp.args.StandardSave(state.variables),
                _TRAINING: ocp.args.StandardSave(_training(state)),
            }
        )
        self._manager.save(step, args=items, metrics={"test_accuracy": test_accuracy})

    def restore(self, like: State) -> State:
        """The last state; ``like`` gives its structure, shapes and places on the devices."""
        items = ocp.args.Composite(
            **{
                _MODEL: ocp.args.StandardRestore(like.variables),
                _TRAINING: ocp.args.StandardRestore(_training(like)),
            }
        )
        restored = self._manager.restore(self._manager.latest_step(), args=items)
        variables = dict(restored[_MODEL])
        params = variables.pop("params")
        return like._replace(params=params, statistics=variables, **restored[_TRAINING])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait until everything is on disk."""
        self._manager.wait_until_finished()
        self._manager.close()


def saved_steps(folder: Path) -> list[int]:
    """The steps of the finished checkpoints in ``folder``, ascending."""
    return sorted(ocp.utils.checkpoint_steps(folder)) if folder.is_dir() else []


def load_variables(folder: Path, step: int) -> dict[str, Any]:
    """The variables of the model saved after ``step`` steps, on the first device."""
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    path = epath.Path(folder.absolute() / str(step) / _MODEL)
    with closing(ocp.StandardCheckpointHandler()) as reader:
        like = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
            reader.metadata(path).tree,
        )
        return reader.restore(path, args=ocp.args.StandardRestore(like))


def _training(state: State) -> dict[str, Any]:
    return {"step": state.step, "opt_state": state.opt_state, "tally": state.tally}


def _accuracy(metrics: dict[str, float]) -> float:
    return metrics["test_accuracy"]
