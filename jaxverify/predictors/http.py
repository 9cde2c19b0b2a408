"""Answers from a model behind an HTTP endpoint."""

import base64
import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import requests
from urllib3 import Retry
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError

from jaxverify.errors import UserError
from jaxverify.predictors.answer_forms import NAMES
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.outputs import rows_of

Protocol = Literal["v1", "v2", "mlflow"]
Columns = Mapping[str, list[Any]]

_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 60.0  # seconds, also where the endpoint asks for more


class EndpointError(UserError):
    """The endpoint did not answer, or not in a way that can be understood."""


@dataclass(frozen=True)
class Endpoint:
    """Where the model is and how it is asked.

    Attributes:
        url: of the model, as it takes POST requests.
        protocol: "v1", ``{"instances": [...]}`` as TF Serving, Vertex AI and KServe have it; "v2",
            the Open Inference Protocol; or "mlflow", ``/invocations``.
        named: of "v1": an instance is an object with the columns' names, not their bare values.
        timeout: seconds for an answer.
        retries: how often a request is made again that failed for a reason that may pass.
        pause: seconds before the first of them; every other time twice as long.
        headers: of each request, such as the authorisation.
    """

    url: str
    protocol: Protocol = "v1"
    named: bool = False
    timeout: float = 60.0
    retries: int = 5
    pause: float = 1.0
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise UserError("the url is not one that begins with http:// or https://") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError("the url is not one that begins with http:// or https://")
        if not 0 < self.timeout < math.inf:
            raise UserError(f"timeout is {self.timeout}; it is a number of seconds above 0")
        if self.retries < 0:
            raise UserError(f"retries is {self.retries}; it is 0 or more")
        if parts.username or parts.password:
            raise UserError("the url holds a password: name an environment variable instead")

    def __repr__(self) -> str:
        """Without the headers, which may hold a password."""
        return f"Endpoint({self.url!r}, {self.protocol!r})"


def ask(
    endpoint: Endpoint,
    columns: Columns,
    classes: Classes,
    *,
    session: requests.Session | None = None,
) -> list[Any]:
    """What the endpoint says to each question in one request.

    Args:
        endpoint: the model.
        columns: of the questions, all of one length: texts, numbers, or images as encoded bytes.
        classes: how answers name the classes.
        session: keeps the connection open from request to request.

    Raises:
        EndpointError: if there is no answer after all retries, or one that is refused, is not
            JSON, or has another number of predictions than there were questions.
        UserError: if two outputs may be the answer.

    Guarantee: everything returned is the endpoint's answer to that question; a response that is
    not understood is an error.
    """
    columns = {name: [_plain(v) for v in values] for name, values in columns.items()}
    body = {"v1": _v1, "v2": _v2, "mlflow": _mlflow}[endpoint.protocol](columns, endpoint.named)
    value = _post(endpoint, body, session or requests.Session())
    count = len(next(iter(columns.values())))
    if endpoint.protocol == "v2":
        predictions = _outputs(value, endpoint.url, classes)
    else:
        predictions = _predictions(value, endpoint.url, count)
    if endpoint.protocol == "mlflow":
        predictions = _rows(predictions, count, classes.num_scores)
    if len(predictions) != count:
        raise EndpointError(
            f"{endpoint.url} gave {len(predictions)} predictions for {count} questions"
        )
    return list(predictions)


class _Patience(Retry):
    """How long to wait before a request is made again: as the endpoint asks, but a minute at most.

    Where it asks nothing that can be read: not at all, then twice as long each time, and a little
    longer at random, so that many who were refused together do not come again together.
    """

    def parse_retry_after(self, retry_after: str) -> float:
        """The seconds that a header asks for, as a number or as a date."""
        try:
            return float(min(super().parse_retry_after(retry_after), _LONGEST_WAIT))
        except InvalidHeader:
            return 0.0


def _post(endpoint: Endpoint, body: Any, session: requests.Session) -> Any:
    patience = _Patience(
        total=endpoint.retries,
        backoff_factor=endpoint.pause,
        backoff_max=_LONGEST_WAIT,
        backoff_jitter=endpoint.pause,
    )
    while True:
        response = None
        try:
            # No redirects: they would carry the questions, and the password, somewhere else.
            response = session.post(
                endpoint.url,
                json=body,
                headers=dict(endpoint.headers),
                timeout=endpoint.timeout,
                allow_redirects=False,
            )
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            reason = "took too long" if isinstance(error, requests.Timeout) else "broke off"
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise EndpointError(
                f"{endpoint.url} cannot be asked ({type(error).__name__})"
            ) from error
        else:
            if response.status_code not in _RETRIED:
                return _json(response, endpoint.url)
            reason = f"said {response.status_code}"
        try:
            patience = patience.increment("POST", endpoint.url)
        except MaxRetryError as error:
            times = "once" if not endpoint.retries else f"{endpoint.retries + 1} times"
            raise EndpointError(
                f"{endpoint.url} was asked {times} and {reason}; try again later"
            ) from error
        patience.sleep(None if response is None else response.raw)


def _json(response: requests.Response, url: str) -> Any:
    if response.status_code != 200:
        raise EndpointError(
            f"{url} said {response.status_code} {response.reason}: "
            f"{' '.join(response.text.split())[:200]}"
        )
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise EndpointError(f"{url} gave an answer that is not JSON") from error


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


def _predictions(value: Any, url: str, count: int) -> Sequence[Any]:
    predictions = value.get("predictions") if isinstance(value, dict) else value
    if isinstance(predictions, dict) and len(predictions) == 1:  # one named output
        (predictions,) = predictions.values()
    if isinstance(predictions, dict) and all(
        isinstance(each, list) for each in predictions.values()
    ):
        predictions = _by_question(predictions, count)  # several named outputs, each a list
    if not isinstance(predictions, list):
        raise EndpointError(f"{url} gave no list of predictions")
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


def _outputs(value: Any, url: str, classes: Classes) -> Sequence[Any]:
    """The output that is the answer, cut into rows by its shape."""
    try:
        outputs = {
            str(each.get("name", i)): _array(each) for i, each in enumerate(value["outputs"])
        }
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise EndpointError(f"{url} gave no outputs of the Open Inference Protocol") from error
    if not outputs:
        raise EndpointError(f"{url} gave no outputs of the Open Inference Protocol")
    return rows_of(outputs, classes)


def _array(output: Mapping[str, Any]) -> np.ndarray:
    shape = [int(length) for length in output["shape"]]
    datatype = str(output.get("datatype", "")).upper()
    dtype = object if datatype == "BYTES" else float if datatype.startswith("FP") else None
    array = np.array(output["data"], dtype).reshape(shape)
    if array.dtype.kind in "iu" and array.ndim == 2 and array.shape[1] > 1:
        return array.astype(float)  # scores that are whole numbers
    return array.astype(object) if array.dtype.kind == "U" else array
