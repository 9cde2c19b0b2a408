"""A model that is in a file and is asked here, whatever runs it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxverify.errors import DataError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.outputs import rows_of
from jaxverify.predictors.tensors import Input, Pixels, arrays


@dataclass(frozen=True)
class Model:
    """A model in memory.

    Attributes:
        inputs: what it takes.
        run: given an array for each input, what it gives, by name.
    """

    inputs: tuple[Input, ...]
    run: Callable[[Sequence[np.ndarray]], Mapping[str, Any]]


def ask(
    model: Model, columns: Mapping[str, list[Any]], classes: Classes, pixels: Pixels
) -> list[Any]:
    """What the model says to each question, as JSON has it.

    Args:
        model: as its file was opened.
        columns: of the questions; see :func:`~jaxverify.predictors.tensors.arrays`.
        classes: how answers name the classes.
        pixels: what is done to the pixels of images.

    Raises:
        UserError: if the model takes no such questions, or gives no such answers.

    Guarantee: a model that was exported for a fixed number of questions is asked that many, the
    last of them repeated where there are fewer, and answers each once.
    """
    given = arrays(columns, model.inputs, pixels)
    count = len(given[0])
    size = next((each.shape[0] for each in model.inputs if each.shape and each.shape[0]), count)
    said: list[Any] = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        said += rows_of(model.run([array[rows] for array in given]), classes)
    return said[:count]


def read_file(path: Path) -> bytes:
    """What is in a model's file.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def reason(error: Exception) -> str:
    r"""What a runtime says went wrong, in one line; of a long one the beginning and the end.

    >>> reason(ValueError("first\n  second"))
    'first second'
    """
    words = " ".join(str(error).split())
    return words if len(words) <= 300 else f"{words[:140]} ... {words[-140:]}"
