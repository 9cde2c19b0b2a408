"""How a model names the classes, and its answers in the order of the questions."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int

from jaxverify.errors import DataError, UserError

How = Literal["names", "indices", "from-1"]  # what labels are
UNKNOWN = -1  # the index of an answer that is no class


@dataclass(frozen=True)
class Classes:
    """The classes, and what is known of how answers name them.

    Attributes:
        names: of the classes, in the order of their indices.
        labels_are: what a label is: the name of a class, its index from 0, or its number from 1;
            found out by :func:`~jaxverify.predictors.reading.read` without it.
        order: the index of the class that the model counts as 0, as 1 and so on; the same as ours
            without it.
        one_score: of two classes, where the model gives one number: above this it means the class
            counted as 1, else the other; None where it gives labels, or a score for each class.
        output: of a model that gives several things, the name of the one that is its answer.

    Raises:
        UserError: if there is ``one_score``, and it is not finite or the classes are not two.
    """

    names: tuple[str, ...]
    labels_are: How | None = None
    order: tuple[int, ...] | None = None
    one_score: float | None = None
    output: str | None = None

    def __post_init__(self) -> None:
        if self.one_score is not None and len(self.names) != 2:
            raise UserError(f"one score tells two classes apart, and not {len(self.names)}")
        if self.one_score is not None and not math.isfinite(self.one_score):
            raise UserError(f"the threshold of the one score is {self.one_score}: no number")

    @property
    def num_scores(self) -> int:
        """How many scores an answer has, where it has any."""
        return len(self.names) if self.one_score is None else 1

    def ours(self, position: int) -> int:
        """The index of the class that the model counts as ``position``."""
        return position if self.order is None else self.order[position]


def read_order(path: Path, names: Sequence[str]) -> tuple[int, ...]:
    """How the model counts the classes, from a JSON file.

    The file holds a list of the names as the model counts them, or an object that gives each name
    its number from 0.

    Raises:
        DataError: if it cannot be read, or has other names than ``names``, or other numbers.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON") from error
    numbers = value
    if isinstance(value, list):
        numbers = {str(name): number for number, name in enumerate(value)}
    if not isinstance(numbers, dict):
        raise DataError(f"{path} holds neither a list of names nor an object of numbers by name")
    for name in names:
        if name not in numbers:
            raise DataError(f"{path} has no number for the class {name!r}")
    if sorted(map(repr, numbers.values())) != sorted(map(repr, range(len(names)))):
        raise DataError(f"{path} must number the {len(names)} classes from 0, each once")
    by_number = {number: name for name, number in numbers.items()}
    return tuple(names.index(by_number[i]) for i in range(len(names)))


def in_order(found: Mapping[str, int], ids: Sequence[str]) -> Int[np.ndarray, " n"]:
    """The answers to the questions in the order of their ids; a missing one is ``UNKNOWN``."""
    return np.array([found.get(name, UNKNOWN) for name in ids], np.int32)
