"""A model that is in a file and is asked here, whatever runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.model import Model
from jaxverify.predictors.outputs import rows_of
from jaxverify.predictors.tensors import Pixels, arrays

_MOST_REPEATED = 2**30  # bytes, of questions that fill up the number a model was exported for


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
        UserError: if the model takes no such questions, or gives no such answers, or not one to
            each question.

    Guarantee: a model that was exported for a fixed number of questions is asked that many, the
    last of them repeated where there are fewer, and answers each once.
    """
    given = arrays(columns, model.inputs, pixels)
    count = len(given[0])
    size = model.size or count
    if size > count and size * sum(array[:1].nbytes + 8 for array in given) > _MOST_REPEATED:
        raise UserError(
            f"the model takes {size:,} questions at once, no fewer: export it for any number"
        )
    said: list[Any] = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        said += rows_of(model.run([array[rows] for array in given]), classes, size)
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
    except MemoryError as error:
        raise DataError(f"{path} does not fit in memory") from error
