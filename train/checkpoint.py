"""Checkpoints of a run, by Orbax: how they are written; how they are read, `jaxverify.runs`."""

from pathlib import Path
from typing import Any, Self

import jax
import orbax.checkpoint as ocp

from jaxverify.runs import MODEL
from train.state import State

# The model's variables are an item of their own, so that a model can be loaded without knowing
# how it was trained.
_TRAINING = "training"
_QUALITY = "test_accuracy"  # so it is called on disk, whatever the model is measured by


class Checkpoints:
    """The last checkpoints of a run and the one that was best on the test set.

    Saving is atomic, and goes on in the background while the next steps run; but for a run of
    several processes, which wait for it.
    """

    def __init__(self, folder: Path, keep: int | None = 1) -> None:
        """Open, or begin, the checkpoints in ``folder``; the last ``keep`` are kept, or all."""
        policy = ocp.checkpoint_managers.AnyPreservationPolicy(
            [
                ocp.checkpoint_managers.LatestN(keep),
                ocp.checkpoint_managers.BestN(get_metric_fn=_quality, n=1),
            ]
        )
        options = ocp.CheckpointManagerOptions(preservation_policy=policy, best_fn=_quality)
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def rewind(self, step: int) -> None:
        """Delete the checkpoints after ``step``, which a resumed run writes again."""
        for later in self.steps():
            if later > step:
                self._manager.delete(later)

    def wait(self) -> None:
        """Wait until what was saved is on disk."""
        self._manager.wait_until_finished()

    def save(self, step: int, state: State, quality: float) -> None:
        """Begin to write the state after ``step`` steps; waits for the one before, if need be.

        The model of the highest ``quality`` is kept.
        """
        items = ocp.args.Composite(
            **{
                MODEL: ocp.args.StandardSave(state.variables),
                _TRAINING: ocp.args.StandardSave(_training(state)),
            }
        )
        self._manager.save(step, args=items, metrics={_QUALITY: quality})
        # The barriers of Orbax bear no manager's name: those of two seeds would be mixed up.
        if jax.process_count() > 1:
            self.wait()

    def restore(self, step: int, like: State) -> State:
        """The state after ``step`` steps; ``like`` gives structure, shapes and places."""
        items = ocp.args.Composite(
            **{
                MODEL: ocp.args.StandardRestore(like.variables),
                _TRAINING: ocp.args.StandardRestore(_training(like)),
            }
        )
        restored = self._manager.restore(step, args=items)
        variables = dict(restored[MODEL])
        params = variables.pop("params")
        return like._replace(params=params, statistics=variables, **restored[_TRAINING])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait until everything is on disk."""
        self.wait()
        self._manager.close()


def _training(state: State) -> dict[str, Any]:
    return {"step": state.step, "opt_state": state.opt_state, "tally": state.tally}


def _quality(metrics: dict[str, float]) -> float:
    return metrics[_QUALITY]
