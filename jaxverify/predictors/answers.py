"""From what a model said to class indices."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxverify.errors import DataError, UserError

UNKNOWN = -1


@dataclass(frozen=True)
class Classes:
    """How answers name the classes.

    Attributes:
        names: of the classes, in the order of their indices.
        by_index: whether a whole number is an index, even where it is a name too.
        order: the index of the class that the model counts as 0, as 1 and so on; the same as ours
            without it.
        one_score: of two classes, where the model gives one number: above this it means the class
            counted as 1, else the other; None where it gives labels, or a score for each class.

    Raises:
        UserError: if there is ``one_score``, and it is not finite or the classes are not two.
    """

    names: tuple[str, ...]
    by_index: bool = False
    order: tuple[int, ...] | None = None
    one_score: float | None = None

    def __post_init__(self) -> None:
        if self.one_score is not None and len(self.names) != 2:
            raise UserError(f"one score tells two classes apart, and not {len(self.names)}")
        if self.one_score is not None and not math.isfinite(self.one_score):
            raise UserError(f"the threshold of the one score is {self.one_score}: no number")

    @property
    def num_scores(self) -> int:
        """How many scores an answer has, where it has any."""
        return len(self.names) if self.one_score is None else 1

    def index(self, answer: Any) -> int:
        """The class that is meant: by its name, or by its index where no name fits.

        Where the model gives one score, by that.

        Guarantee: what is neither is ``UNKNOWN``, never an error.

        >>> classes = Classes(("no", "yes"))
        >>> [classes.index(answer) for answer in ("yes", 1, "0", 1.0, 2, "maybe", None)]
        [1, 1, 0, 1, -1, -1, -1]
        >>> classes = Classes(("no", "yes"), one_score=0.5)
        >>> [classes.index(answer) for answer in (0.83, "0.2", 1, "yes")]
        [1, 0, 1, -1]
        """
        if self.one_score is not None:
            return self.of_scores([answer])
        if isinstance(answer, bool | np.bool_):
            answer = str(bool(answer))
        if isinstance(answer, str):
            answer = answer.strip()
        if not self.by_index and str(answer) in self.names:
            return self.names.index(str(answer))
        try:
            number = float(answer)
        except (TypeError, ValueError, OverflowError):
            return UNKNOWN
        if not number.is_integer():
            return UNKNOWN
        spelled = str(int(number))
        if not self.by_index and spelled in self.names:  # 1.0 for the class called 1
            return self.names.index(spelled)
        return self._ours(int(number)) if 0 <= number < len(self.names) else UNKNOWN

    def of_scores(self, scores: Sequence[Any]) -> int:
        """The class with the highest score; ``UNKNOWN`` where one is not a number, or missing.

        Where the model gives one score, the class that this means.
        """
        try:
            values = np.array([float(score) for score in scores])
        except (TypeError, ValueError, OverflowError):
            return UNKNOWN
        if values.shape != (self.num_scores,) or np.isnan(values).any():
            return UNKNOWN
        if self.one_score is not None:
            return self._ours(int(values[0] > self.one_score))
        return self._ours(int(np.argmax(values)))

    def _ours(self, index: int) -> int:
        return index if self.order is None else self.order[index]


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
