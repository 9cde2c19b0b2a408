"""Answers in a file, keyed by the ids of the questions."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from jaxverify.challenge import ID
from jaxverify.errors import DataError
from jaxverify.predictors.answers import UNKNOWN, Classes
from jaxverify.predictors.asking import AskBatch

_ANSWERS = ("label", "prediction", "predicted", "class", "answer", "output")
_SCORES = ("scores", "probabilities", "logits")
Answer = Callable[[dict[str, Any]], int]


def read_answers(path: Path, classes: Classes) -> dict[str, int]:
    """The class index of each id.

    The file is CSV, Parquet, JSON Lines, or JSON: an object of answers by id, or a list of
    objects. A row has ``id`` and either one answer (``label``, ``prediction``, ``predicted``,
    ``class``, ``answer`` or ``output``), a list of ``scores``, ``probabilities`` or ``logits``,
    or a column of scores for each class, called as the class is. In a folder of images, the name
    of a file, with or without its ending, is its id.

    Raises:
        DataError: if the file cannot be read, or has no ids or no answers.

    Guarantee: an answer that is no class is kept as -1; of an id that is there twice with
    different answers, so is that.
    """
    rows = _rows(path)
    if not rows:
        raise DataError(f"{path} has no answers in it")
    answer = _reader(path, rows[0], classes)
    found: dict[str, int] = {}
    for row in rows:
        name = str(row.get(ID, "")).strip().rsplit("/", 1)[-1].split(".", 1)[0]
        index = answer(row)
        found[name] = index if found.get(name, index) == index else -1
    return found


def open_answers(path: Path, classes: Classes, ids: Sequence[str]) -> AskBatch:
    """A model whose answers are in a file; where it has none to a question, that is unknown.

    Args:
        path: as :func:`read_answers` takes it.
        classes: likewise.
        ids: of the questions that will be asked.

    Raises:
        DataError: as :func:`read_answers` does, or if the file answers none of the questions.
    """
    found = read_answers(path, classes)
    if not any(name in found for name in ids):
        raise DataError(f"{path} answers none of this record's questions: is it to another?")
    return lambda ids, _: [found.get(name, UNKNOWN) for name in ids]


def _reader(path: Path, row: dict[str, Any], classes: Classes) -> Answer:
    if ID not in row:
        raise DataError(f"{path} has no column {ID!r}; it has {', '.join(map(str, row))}")
    lists = [name for name in row if name in _SCORES]
    if len(lists) == 1:
        name = lists[0]
        one_score = classes.one_score is not None
        return lambda row: classes.of_scores(_list(row.get(name), bare=one_score))
    columns = [name for name in row if name in _ANSWERS]
    if len(columns) == 1:
        name = columns[0]
        if isinstance(row[name], list):
            return lambda row: classes.of_scores(_list(row.get(name)))
        return lambda row: classes.index(row.get(name))
    if all(name in row for name in classes.names):
        return lambda row: classes.of_scores([row.get(name) for name in classes.names])
    raise DataError(
        f"{path} has the columns {', '.join(map(str, row))}: besides {ID!r} it needs one of "
        f"{', '.join(_ANSWERS + _SCORES)}, or a column for each class"
    )


def _list(value: Any, *, bare: bool = False) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    return (value,) if bare else ()


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        match path.suffix.lower():
            case ".parquet":
                return pq.read_table(path).to_pylist()
            case ".csv":
                with pc.open_csv(path) as reader:
                    names = reader.schema.names
                convert = pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
                return pc.read_csv(path, convert_options=convert).to_pylist()
            case ".jsonl" | ".ndjson":
                lines = path.read_text(encoding="utf-8").splitlines()
                return _objects(path, [json.loads(line) for line in lines if line.strip()])
            case ".json":
                return _objects(path, json.loads(path.read_text(encoding="utf-8")))
    except DataError:
        raise
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read as {path.suffix[1:]} ({reason})") from error
    raise DataError(f"{path} must end in .csv, .parquet, .json or .jsonl")


def _objects(path: Path, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [{ID: name, _ANSWERS[0]: answer} for name, answer in value.items()]
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return value
    raise DataError(f"{path} holds neither an object of answers by id nor a list of objects")
