"""What each protocol asks in, and how it answers."""

import base64
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.answer_forms import NAMES
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.endpoint import EndpointError, Protocol
from jaxverify.predictors.fields import first_step
from jaxverify.predictors.outputs import rows_of

Columns = Mapping[str, list[Any]]

_NO_OUTPUTS = "gave no outputs of the Open Inference Protocol"

# What the parts of an answer are called: no secrets, whatever the url's query says.
PARTS = ("predictions", "outputs", "name", "shape", "datatype", "data")


def body_of(protocol: Protocol, columns: Columns, named: bool) -> Any:
    """The questions as a protocol has them.

    Args:
        protocol: that the endpoint speaks.
        columns: of the questions, all of one length: texts, numbers, or images as encoded bytes.
        named: whether the columns' names are sent with "v1" and "v2".
    """
    plain = {name: [_plain(value) for value in values] for name, values in columns.items()}
    return {"v1": _v1, "v2": _v2, "mlflow": _mlflow}[protocol](plain, named)


def answers_of(protocol: Protocol, value: Any, count: int, classes: Classes) -> list[Any]:
    """What an endpoint says to each of ``count`` questions.

    Args:
        protocol: that it speaks.
        value: its whole answer, as JSON has it.
        count: how many questions there were.
        classes: how answers name the classes.

    Raises:
        EndpointError: if it is not an answer to as many questions.
        UserError: if two outputs may be the answer.

    Guarantee: nothing is built of a size that the answer names but does not have.
    """
    if protocol == "v2":
        predictions = rows_of(_outputs(value, count, classes), classes)
    else:
        predictions = _predictions(value, count)
    if protocol == "mlflow":
        predictions = _rows(predictions, count, classes.num_scores)
    if len(predictions) != count:
        raise EndpointError(f"gave {len(predictions)} predictions for {count} questions")
    return list(predictions)


def _v1(columns: Columns, named: bool) -> Any:
    plain = {name: [_spelled(value) for value in values] for name, values in columns.items()}
    if named:
        rows = zip(*plain.values(), strict=True)
        return {"instances": [dict(zip(plain, row, strict=True)) for row in rows]}
    if len(plain) == 1:
        (values,) = plain.values()
        return {"instances": values}
    return {"instances": [list(row) for row in zip(*plain.values(), strict=True)]}


def _v2(columns: Columns, named: bool) -> Any:
    def tensor(name: str, values: list[Any], shape: list[int]) -> dict[str, Any]:
        numbers = all(isinstance(value, int | float) for value in values)
        data = values if numbers else [_text(value) for value in values]
        return {
            "name": name,
            "shape": shape,
            "datatype": "FP64" if numbers else "BYTES",
            "data": data,
        }

    if len(columns) == 1 or named:
        inputs = [tensor(k, v, [len(v)]) for k, v in columns.items()]
    else:
        rows = list(zip(*columns.values(), strict=True))
        flat = [float(value) for row in rows for value in row]
        inputs = [tensor("input-0", flat, [len(rows), len(columns)])]
    # A request needs no id, but an answer does, and servers take it from the request.
    return {"id": str(uuid.uuid4()), "inputs": inputs}


def _mlflow(columns: Columns, named: bool) -> Any:
    plain = {name: [_text(value) for value in values] for name, values in columns.items()}
    rows = [list(row) for row in zip(*plain.values(), strict=True)]
    return {"dataframe_split": {"columns": list(plain), "data": rows}}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _spelled(value: Any) -> Any:
    return {"b64": _text(value)} if isinstance(value, bytes) else value


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _predictions(value: Any, count: int) -> Sequence[Any]:
    predictions = value.get("predictions") if isinstance(value, dict) else value
    if isinstance(predictions, dict) and len(predictions) == 1:  # one named output
        (predictions,) = predictions.values()
    if isinstance(predictions, dict) and all(
        isinstance(each, list) for each in predictions.values()
    ):
        predictions = _by_question(predictions, count)  # several named outputs, each a list
    if not isinstance(predictions, list):
        raise EndpointError("gave no list of predictions")
    return predictions


def _by_question(columns: Mapping[str, list[Any]], count: int) -> list[Any]:
    """One object for each question, from columns; a list of all classes goes into every object."""
    rows = [row for each in columns.values() for row in each if isinstance(row, list)]
    shared = {
        key: each
        for key, each in columns.items()
        if key in NAMES
        and rows
        and len(each) == len(rows[0])
        and len(set(map(str, each))) == len(each)
        and not any(isinstance(label, list) for label in each)
    }
    if shared and any(len(each) == count for each in shared.values()):
        raise UserError(
            f"{' and '.join(shared)} may be of all classes or of {count} questions, which are as "
            "many: choose another --batch-size"
        )
    own = {key: each for key, each in columns.items() if key not in shared}
    if any(len(each) != count for each in own.values()):
        return list(own.values())  # of another number than there were questions
    rows = [dict(zip(own, row, strict=True)) for row in zip(*own.values(), strict=True)]
    return [{**shared, **row} for row in rows]


def _rows(predictions: Sequence[Any], count: int, width: int) -> Sequence[Any]:
    """Scores by question where MLflow gives every score as a row, as it does of ONNX models."""
    if len(predictions) != count * width:
        return predictions
    if not all(isinstance(each, dict) and len(each) == 1 for each in predictions):
        return predictions
    if len({name for each in predictions for name in each}) != 1:
        return predictions
    flat = [score for each in predictions for score in each.values()]
    return [flat[i * width : (i + 1) * width] for i in range(count)]


def _outputs(value: Any, count: int, classes: Classes) -> dict[str, np.ndarray]:
    """The outputs that may be the answer, as arrays with a row for each question."""
    try:
        outputs = {str(each.get("name", i)): each for i, each in enumerate(value["outputs"])}
        if classes.output is not None and (step := first_step(classes.output, outputs)):
            outputs = {step[0]: outputs[step[0]]}
        lengths = {name: _shape(output)[0] for name, output in outputs.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EndpointError(_NO_OUTPUTS) from error
    if not outputs:
        raise EndpointError(_NO_OUTPUTS)
    for name, length in lengths.items():
        if length != count:
            raise EndpointError(
                f"gave {length} predictions for {count} questions as {name!r}: if that is not the "
                "answer, name the output that is with --output"
            )
    try:
        return {name: _array(output) for name, output in outputs.items()}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EndpointError(_NO_OUTPUTS) from error


def _shape(output: Mapping[str, Any]) -> list[int]:
    shape = output["shape"]
    if not shape or not all(type(length) is int and length > 0 for length in shape):
        raise ValueError("no shape")
    return list(shape)


def _array(output: Mapping[str, Any]) -> np.ndarray:
    shape, data = _shape(output), list(_leaves(output["data"]))
    if not isinstance(output["data"], list) or math.prod(shape) != len(data):
        raise ValueError("another shape")
    datatype = str(output.get("datatype", "")).upper()
    texts = datatype == "BYTES" or any(isinstance(each, str) for each in data)
    dtype = float if datatype.startswith("FP") else object if texts else None
    array = np.array(data, dtype).reshape(shape)
    if array.dtype.kind in "iu" and array.ndim == 2 and array.shape[1] > 1:
        return array.astype(float)  # scores that are whole numbers
    return array


def _leaves(data: Any) -> Iterator[Any]:
    """The values, which may be nested as their shape is."""
    if isinstance(data, list):
        for each in data:
            yield from _leaves(each)
    else:
        yield data
