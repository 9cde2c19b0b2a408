"""Seeds side by side: one program trains them all, and each leaves the run it would leave alone."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Float

from jaxverify import Samples, UserError, keys
from jaxverify.runs import extra_key
from train.checkpoint import Checkpoints
from train.config import Config
from train.run_folder import RunFolder
from train.state import State
from train.steps import TrainStep
from train.training_set import TrainingSet, make_training_set

Rule = Literal["batched", "unrolled"]
SeedsStep = Callable[
    [State, Sequence[Samples], jax.Array], tuple[State, Float[jax.Array, " seeds"]]
]


@dataclass
class SeedRun:
    """What one seed has of its own; all of it is as if the seed were trained alone.

    Attributes:
        config: of this seed alone.
        data: its protected training set.
        folder: of its run.
        checkpoints: in that folder.
        latest: its last evaluation or probe; of none, the seconds that the run has taken.
    """

    config: Config
    data: TrainingSet
    folder: RunFolder
    checkpoints: Checkpoints
    latest: dict[str, Any]

    @classmethod
    def begin(cls, config: Config, keep: int | None) -> "SeedRun":
        """Make the seed's training set, and open its run folder.

        Args:
            config: of this seed alone.
            keep: how many of its last checkpoints are kept, or all.

        Raises:
            UserError: if a batch would be larger than the training set, or as ``RunFolder.begin``.
        """
        data = make_training_set(config)
        if (num_samples := len(data.train.labels)) < config.batch_size:
            raise UserError(
                f"batch_size is {config.batch_size}, more than the {num_samples} samples"
            )
        folder = RunFolder.begin(config, data)
        return cls(config, data, folder, Checkpoints(folder.checkpoints, keep), {"seconds": 0.0})

    def rewind(self, step: int) -> None:
        """Forget what came after ``step``."""
        self.checkpoints.rewind(step)
        self.latest = self.folder.rewind(step)

    def begin_or_restore(self, step: int, begin: Callable[[jax.Array], State]) -> State:
        """The state after ``step`` steps: of the checkpoint, or at fresh parameters."""
        state = begin(self.key("initial parameters"))
        return state if step == 0 else self.checkpoints.restore(step, like=state)

    def key(self, name: str) -> jax.Array:
        """The key of the seed's stream ``name``."""
        return keys.stream(jax.random.key(self.config.seed), name)

    @property
    def extra_key(self) -> jax.Array:
        """The key of the seed's extra task."""
        return extra_key(self.config.seed)


def stack(trees: Sequence[Any]) -> Any:
    """One tree of arrays ``[seeds, ...]`` from a tree for each seed.

    >>> stack([{"step": 1}, {"step": 2}])["step"].tolist()
    [1, 2]
    """
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def take(tree: Any, index: Any) -> Any:
    """``leaf[index]`` of every leaf: one seed's tree out of a stacked one, or some samples."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def side_by_side(train_step: TrainStep, *, rule: Rule | None = None) -> SeedsStep:
    """``step(states, batches, keys) -> (states, losses)``: ``train_step`` under ``jax.vmap``.

    States and keys are stacked; the batches are a sequence, one for each seed.

    Args:
        train_step: the step of one seed.
        rule: what vmap makes of it. "batched": every operation takes all seeds at once, as it
            should on a GPU or TPU. "unrolled": the operations of each seed stand beside those of
            the others, and overlap on several cores. So it is done on a CPU, where XLA runs slowly
            the grouped convolutions of the first. One seed needs no rule.

    Guarantee: seed i gets what ``train_step`` alone gives it, up to rounding; and bit for bit
    where there is one seed.
    """
    if rule is None:
        rule = "unrolled" if jax.default_backend() == "cpu" else "batched"
    vmapped = jax.vmap(RULES[rule](train_step))

    def step(
        states: State, batches: Sequence[Samples], keys: jax.Array
    ) -> tuple[State, Float[jax.Array, " seeds"]]:
        each = vmapped if len(batches) > 1 else jax.vmap(_unrolled(train_step))
        # A clone: to JAX's check of reuse a loop uses its keys up, though every step folds its own.
        return each(states, stack(batches), jax.random.clone(keys))

    return step


def _unrolled(train_step: TrainStep) -> TrainStep:
    unrolled = custom_vmap(train_step)

    @unrolled.def_vmap
    def _rule(axis_size, in_batched, *args):
        del in_batched  # all is
        # A dynamic index: by a static one, a key would count as used up by its first neighbour.
        seeds = [take(args, jnp.int32(seed)) for seed in range(axis_size)]
        outputs = stack([train_step(*one) for one in seeds])
        return outputs, jax.tree.map(lambda _: True, outputs)

    return unrolled


RULES: dict[Rule, Callable[[TrainStep], TrainStep]] = {
    "batched": lambda train_step: train_step,
    "unrolled": _unrolled,
}


def common_step(runs: Sequence[SeedRun], evaluation_steps: Collection[int]) -> int:
    """The last step of which every seed has a checkpoint; 0, the beginning, is had by all.

    A run that was killed between the checkpoints of two seeds leaves some of them one evaluation
    ahead; they go back to the others.

    Raises:
        UserError: if a seed is further ahead, by work of its own, which is not thrown away.
    """
    steps = [[0, *run.checkpoints.steps()] for run in runs]
    common = max(set.intersection(*map(set, steps)))
    ahead = min((step for step in evaluation_steps if step > common), default=common)
    lasts = [max(each) for each in steps]
    if max(lasts) > ahead:
        first = runs[lasts.index(max(lasts))].folder.path
        last = runs[lasts.index(min(lasts))]
        raise UserError(
            f"{first} is at step {max(lasts)} and {last.folder.path} at step {min(lasts)}: "
            f"resume the latter alone first, with --seed {last.config.seed}"
        )
    return common
