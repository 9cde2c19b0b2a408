"""From the arrays that a model in a file gives to class indices."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.answers import Classes


def indices(outputs: Mapping[str, Any], classes: Classes) -> list[int]:
    """The class index of each question; -1 where the answer is no class.

    What names classes goes before what numbers them, as scikit-learn's models give both: first
    labels that are strings, then scores by class (a list of objects), then the first output of
    scores, decimals of shape [n, classes]; then labels that are whole numbers, [n] or [n, 1].
    Where it is said that the model gives one score, the first output of decimals, [n] or [n, 1].

    Args:
        outputs: by their names.
        classes: how answers name the classes.

    Raises:
        UserError: if no output is any of these.

    Guarantee: where a score is not a number, the answer is -1.
    """
    one_score = classes.one_score is not None
    for read in (_one_score,) if one_score else (_strings, _objects, _scores, _labels):
        for output in outputs.values():
            if (found := read(output, classes)) is not None:
                return found
    given = "; ".join(f"{name}: {_kind(output)}" for name, output in outputs.items())
    if one_score:
        raise UserError(f"the model gives {given}: not one score for each question")
    raise UserError(
        f"the model gives {given}: neither scores of {len(classes.names)} classes nor one label "
        "for each question" + (" (--one-score reads one score)" if len(classes.names) == 2 else "")
    )


def _strings(output: Any, classes: Classes) -> list[int] | None:
    if isinstance(output, np.ndarray) and output.dtype.kind in "OU" and _is_column(output):
        return [classes.index(label) for label in output.ravel().tolist()]
    return None


def _objects(output: Any, classes: Classes) -> list[int] | None:
    if isinstance(output, list) and output and all(isinstance(row, dict) for row in output):
        return [_of_object(row, classes) for row in output]
    return None


def _of_object(row: dict[Any, float], classes: Classes) -> int:
    by_class = {classes.index(name): score for name, score in row.items()}
    if set(by_class) != set(range(len(classes.names))) or np.isnan(list(by_class.values())).any():
        return classes.index(None)
    return max(by_class, key=by_class.__getitem__)


def _scores(output: Any, classes: Classes) -> list[int] | None:
    if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
        return None
    if output.ndim != 2 or output.shape[1] != len(classes.names):
        return None
    return [classes.of_scores(row) for row in output.tolist()]


def _one_score(output: Any, classes: Classes) -> list[int] | None:
    if isinstance(output, np.ndarray) and output.dtype.kind == "f" and _is_column(output):
        return [classes.index(score) for score in output.ravel().tolist()]
    return None


def _labels(output: Any, classes: Classes) -> list[int] | None:
    if isinstance(output, np.ndarray) and output.dtype.kind in "iu" and _is_column(output):
        return [classes.index(label) for label in output.ravel().tolist()]
    return None


def _is_column(output: np.ndarray) -> bool:
    return output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)


def _kind(output: Any) -> str:
    if isinstance(output, np.ndarray):
        return f"{output.dtype} {list(output.shape)}"
    return f"a {type(output).__name__}"
