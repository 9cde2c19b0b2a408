"""How many of the rows of an upload was a model trained on?"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from jaxverify.errors import UserError
from jaxverify.stats.thresholds import memorised_bounds


class RowsUsed(NamedTuple):
    """Bounds on the share of the rows of an upload that a model was trained on.

    Attributes:
        lower: each at half of what the confidence leaves.
        upper: 1 where it is not known what a model knows that was trained on all.
    """

    lower: float
    upper: float


def rows_used(
    right: Bool[np.ndarray, " n"],
    doses: Int[np.ndarray, " n"],
    num_classes: int,
    *,
    finished_share: float | None = None,
    confidence: float = 0.95,
) -> RowsUsed:
    """The share of the rows that left a trace, extra samples being dealt out evenly among them.

    Of a sample that stands in the upload m times, a model trained on the share u of the rows has
    seen a copy with probability ``1 - (1 - u)^m``, and it knows no more of them; it has seen all
    with probability ``u^m``, and of these it knows as much as one that was trained on all.

    Args:
        right: whether the answer to each sample is right.
        doses: how often each stands in the upload.
        num_classes: C.
        finished_share: the share that a model knows, at the highest dose, that was trained on all
            rows to the end, or less.
        confidence: of both bounds together.

    Raises:
        UserError: if no sample stands in the upload, or a share is out of its range.

    Guarantee: if the rows that were used are a random part of all, a sample none of whose copies
    was used is answered no better than by guessing, and one whose copies all were is known as well
    as after training on all rows, then the bounds hold with the confidence.

    >>> right = np.arange(200) % 2 == 0  # of a model that knows half of them
    >>> bounds = rows_used(right, np.ones(200, int), num_classes=1_000, finished_share=1.0)
    >>> [round(bound, 2) for bound in bounds]
    [0.43, 0.57]
    """
    levels = [int(level) for level in np.unique(doses) if level > 0]
    if not levels:
        raise UserError("no sample stands in the upload: nothing tells which rows were used")
    if finished_share is not None and not 0 < finished_share <= 1:
        raise UserError(f"finished_share is {finished_share}; it is a share above 0, at most 1")

    def bounds(level: int, risk: float) -> tuple[float, float]:
        of = np.asarray(doses) == level
        hits = int(np.sum(np.asarray(right) & of))
        low, high = memorised_bounds(hits, int(of.sum()), num_classes, 1 - risk)
        return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))

    risk = (1 - confidence) / 2
    lower = max(1 - (1 - bounds(m, risk / len(levels))[0]) ** (1 / m) for m in levels)
    if finished_share is None:
        return RowsUsed(lower, 1.0)
    most = bounds(levels[-1], risk)[1]
    return RowsUsed(lower, min(1.0, most / finished_share) ** (1 / levels[-1]))
