"""A model in memory: what it takes, and what runs it.

Its own process loads this, and starts the faster the less that is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxverify.printable import printable


@dataclass(frozen=True)
class Input:
    """What a model takes, as its file declares it.

    Attributes:
        name: of the input.
        shape: its axes, the first of which counts questions; None for one of any length. None in
            place of all where the file does not tell.
        dtype: as NumPy names it; "str" for texts.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str

    @property
    def is_numeric(self) -> bool:
        """Whether it takes numbers of a type that NumPy has."""
        return re.fullmatch(r"u?int(8|16|32|64)|float(16|32|64)", self.dtype) is not None

    def __str__(self) -> str:
        """As an error names it.

        >>> print(Input("x", (None, 3, 32, 32), "float32"))
        x: float32 [any, 3, 32, 32]
        """
        what = f"{shown(self.name)}: {shown(self.dtype)}"
        if self.shape is None:
            return what
        axes = ("any" if length is None else str(length) for length in self.shape)
        return f"{what} [{', '.join(axes)}]"


@dataclass(frozen=True)
class Model:
    """A model in memory.

    Attributes:
        inputs: what it takes.
        run: given an array for each input, what it gives, by name.
    """

    inputs: tuple[Input, ...]
    run: Callable[[Sequence[np.ndarray]], Mapping[str, Any]]

    @property
    def size(self) -> int | None:
        """How many questions it takes at once; None for any number."""
        return next((each.shape[0] for each in self.inputs if each.shape and each.shape[0]), None)


def shown(text: str, longest: int = 200) -> str:
    r"""What others wrote, as an error may show it: not for ever, and no sign that moves a cursor.

    >>> print(shown("scores\x1b[2J"))
    scores\x1b[2J
    """
    return printable(text[:longest])


def reason(error: BaseException) -> str:
    r"""What a runtime says went wrong, in one line; of a long one the beginning and the end.

    >>> reason(ValueError("first\n  second"))
    'first second'
    """
    words = " ".join(str(error).split())
    return words if len(words) <= 300 else f"{words[:140]} ... {words[-140:]}"
