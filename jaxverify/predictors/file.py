"""Answers in a file, keyed by the ids of the questions."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from jaxverify.challenge import ID
from jaxverify.errors import DataError
from jaxverify.files.names import check_name
from jaxverify.predictors.asking import AskBatch


def read_answers(path: Path) -> dict[str, Any]:
    """What the file says to each id, as :func:`~jaxverify.predictors.answer_forms.said` takes it.

    The file is CSV, Parquet, JSON Lines, or JSON: an object of answers by id, or a list of
    objects. A row has ``id`` and the answer: one column or field, or several that together are one,
    such as a label with its score or a score for each class. The id of an image is its file name,
    with or without the extension.

    Raises:
        DataError: if the file cannot be read, or has no ids or no answers.

    Guarantee: of an id that is there twice with different answers, the answer is None.
    """
    check_name(path)
    rows = _rows(path)
    if not rows:
        raise DataError(f"{path} has no answers in it")
    if ID not in rows[0]:
        raise DataError(f"{path} has no column {ID!r}; it has {', '.join(map(str, rows[0]))}")
    if all(len(row) == 1 for row in rows):
        raise DataError(f"{path} has no column but {ID!r}: give the answers in another")
    answers: dict[str, Any] = {}
    fields = {key for row in rows for key in row if key != ID}
    for row in rows:
        name = str(row.pop(ID, "")).strip().rsplit("/", 1)[-1].split(".", 1)[0]
        answer = next(iter(row.values()), None) if len(fields) == 1 else row or None
        answers[name] = answer if answers.get(name, answer) == answer else None
    return answers


def open_answers(path: Path, ids: Sequence[str]) -> AskBatch:
    """A model whose answers are in a file; None for a question that it does not answer.

    Args:
        path: as :func:`read_answers` takes it, or ``-`` for standard input, of any of its forms.
        ids: of the questions that will be asked.

    Raises:
        DataError: as :func:`read_answers` does, or if the file answers none of the questions.
    """
    answers = read_answers(path)
    if not any(name in answers for name in ids):
        raise DataError(f"{path} answers none of this record's questions: is it to another?")
    return lambda ids, _: [answers.get(name) for name in ids]


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        match path.suffix.lower():
            case ".parquet":
                return [
                    {k: _plain(v) for k, v in r.items()} for r in pq.read_table(path).to_pylist()
                ]
            case ".csv":
                parse = pc.ParseOptions(newlines_in_values=True)
                with pc.open_csv(path, parse_options=parse) as reader:
                    names = reader.schema.names
                convert = pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
                return pc.read_csv(path, None, parse, convert).to_pylist()
            case ".jsonl" | ".ndjson":
                lines = path.read_text(encoding="utf-8-sig").split("\n")
                return _objects(path, [json.loads(line) for line in lines if line.strip()])
            case ".json":
                return _objects(path, json.loads(path.read_text(encoding="utf-8-sig")))
    except DataError:
        raise
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read as {path.suffix[1:]} ({reason})") from error
    raise DataError(f"{path} must end in .csv, .parquet, .json or .jsonl")


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _objects(path: Path, value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [{ID: name, "answer": answer} for name, answer in value.items()]
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return value
    raise DataError(f"{path} holds neither an object of answers by id nor a list of objects")
