"""What a trainer of the zoo gets, and what it gives: a model at every point worth stopping at."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxverify import Samples
from jaxverify.verification.families import Family

Predict = Callable[[np.ndarray], Int[np.ndarray, " n"]]


class Upload(NamedTuple):
    """What a cloud gets.

    Attributes:
        rows: to train on, extra ones among them, in random order.
        num_classes: C.
        seed: of the training.
    """

    rows: Samples
    num_classes: int
    seed: int

    def parted(self) -> tuple[Samples, Samples]:
        """All but a tenth, and the tenth by which a training is stopped early."""
        tenth = len(self.rows.labels) // 10
        held_out, rest = (slice(tenth), slice(tenth, None))
        rows = Samples(*(np.asarray(part)[rest] for part in self.rows))
        return rows, Samples(*(np.asarray(part)[held_out] for part in self.rows))

    def part(self, share: float) -> Samples:
        """The first of the rows, as many as a share says."""
        number = max(round(share * len(self.rows.labels)), 1)
        return Samples(*(np.asarray(each)[:number] for each in self.rows))


class Stage(NamedTuple):
    """A model at a point of its training.

    Attributes:
        name: of the point: an epoch, a number of trees, a share of the rows.
        predict: from features to classes.
    """

    name: str
    predict: Predict


Trainer = Callable[[Upload], Iterator[Stage]]


class Setting(NamedTuple):
    """A trainer of the zoo.

    Attributes:
        words: what it is, as its user would say it.
        family: what kind of model it is.
        rehearsal: of ``train.rehearsals``: its data, and the plan that our own network gave.
        train: what a cloud does.
        elsewhere: fields of the rehearsal's setting that differ in the cloud.
    """

    words: str
    family: Family
    rehearsal: str
    train: Trainer
    elsewhere: Mapping[str, Any] = MappingProxyType({})


def words(features: np.ndarray) -> list[str]:
    """Texts whose words are the numbers of tokens; 0 is no token."""
    return [" ".join(f"w{token}" for token in row if token) for row in np.asarray(features)]


def classes(scores: Any) -> Int[np.ndarray, " n"]:
    """The class of the largest score, for each row."""
    return np.asarray(scores).argmax(1).astype(np.int64)
