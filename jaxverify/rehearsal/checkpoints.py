"""Models at points of their training, and what they knew then."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from jaxverify.errors import UserError


@dataclass(frozen=True)
class Checkpoint:
    """A model at some point of its training.

    Attributes:
        seed: of the training.
        name: of the checkpoint.
        quality: of the model, as the trainer measures it: the larger, the better.
        share: its quality over the best of the same training.
        is_last: whether it is the end of the training.
        right: whether it answers each extra sample rightly.
    """

    seed: int
    name: str
    quality: float
    share: float
    is_last: bool
    right: Bool[np.ndarray, " n"]


def split(
    checkpoints: list[Checkpoint], wanted: float
) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The models at the end of training, and those that were cut short too early.

    Args:
        checkpoints: of all seeds, in the order of training.
        wanted: the share of the best quality that a training must have reached to pass.

    Raises:
        UserError: if the last model of a training is below it, or none was cut short too early.

    Guarantee: those cut short are all from before their training first reached ``wanted``; one that
    is worse again later by chance is neither.
    """
    finished = [each for each in checkpoints if each.is_last]
    for each in finished:
        if each.share < wanted:
            raise UserError(
                f"the last checkpoint of seed {each.seed} is at {each.share:.0%} of its best "
                f"quality, below {wanted:.0%}: the last one must be a model that you would accept"
            )
    cut, reached = [], set()
    for each in checkpoints:
        if each.share >= wanted:
            reached.add(each.seed)
        if each.seed not in reached:
            cut.append(each)
    if not cut:
        raise UserError(
            f"no checkpoint is below {wanted:.0%} of the best quality: leave earlier ones, as by a "
            "smaller learning rate, or raise --wanted"
        )
    return finished, cut


def known_by_quality(
    checkpoints: list[Checkpoint], doses: Any, qualities: tuple[float, ...]
) -> dict[int, list[float | None]]:
    """For each dose the mean share of right answers at the first checkpoint that is so good."""
    shares: dict[int, list[float | None]] = {}
    for dose in np.unique(doses):
        row: list[float | None] = []
        for quality in qualities:
            reached = [
                next((c for c in checkpoints if c.seed == seed and c.share >= quality), None)
                for seed in sorted({each.seed for each in checkpoints})
            ]
            known = [each.right[doses == dose].mean() for each in reached if each is not None]
            row.append(float(np.mean(known)) if known else None)
        shares[int(dose)] = row
    return shares
