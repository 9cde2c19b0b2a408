"""From what a model said to class indices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

UNKNOWN = -1


@dataclass(frozen=True)
class Classes:
    """How answers name the classes.

    Attributes:
        names: of the classes, in the order of their indices.
        by_index: whether a whole number is an index, even where it is a name too.
    """

    names: tuple[str, ...]
    by_index: bool = False

    def index(self, answer: Any) -> int:
        """The class that is meant: by its name, or by its index where no name fits.

        Guarantee: what is neither is ``UNKNOWN``, never an error.

        >>> classes = Classes(("no", "yes"))
        >>> [classes.index(answer) for answer in ("yes", 1, "0", 1.0, 2, "maybe", None)]
        [1, 1, 0, 1, -1, -1, -1]
        """
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
        return int(number) if 0 <= number < len(self.names) else UNKNOWN

    def of_scores(self, scores: Sequence[Any]) -> int:
        """The class with the highest score; ``UNKNOWN`` where one is not a number, or missing."""
        try:
            values = np.array([float(score) for score in scores])
        except (TypeError, ValueError, OverflowError):
            return UNKNOWN
        if values.shape != (len(self.names),) or np.isnan(values).any():
            return UNKNOWN
        return int(np.argmax(values))


def in_order(found: dict[str, int], ids: Sequence[str]) -> Int[np.ndarray, " n"]:
    """The answers to the questions in the order of their ids; a missing one is ``UNKNOWN``."""
    return np.array([found.get(name, UNKNOWN) for name in ids], np.int32)
