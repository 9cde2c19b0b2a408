"""Answers from a model behind an HTTP endpoint."""

import json
import math
from contextlib import nullcontext
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from jaxverify.errors import UserError
from jaxverify.predictors.answer_forms import LABELS, NAMES, SCORES
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.endpoint import Endpoint, EndpointError
from jaxverify.predictors.protocols import PARTS, Columns, answers_of, body_of
from jaxverify.predictors.redaction import Redaction
from jaxverify.predictors.transport import Reply, open_session, post
from jaxverify.printable import printable

_SHOWN = 200  # characters of an answer that is an error
_LONGEST_ERROR = 1000
_MOST_ESCAPES = 2**20
_LONGEST_WHOLE, _LONGEST_NUMBER = 18, 400  # digits that are read exactly, and at all


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
        session: keeps the connection open from request to request, from
            :func:`~jaxverify.predictors.transport.open_session`.

    Raises:
        EndpointError: if there is no answer after all retries, or one that is refused, is not
            JSON, or has another number of predictions than there were questions.
        UserError: if two outputs may be the answer.

    Guarantee: everything returned is the endpoint's answer to that question; a response that is
    not understood is an error. No secret of the endpoint is in an answer or in an error
    (:class:`~jaxverify.predictors.redaction.Redaction`), and an error is one line that a terminal
    can show.
    """
    redaction = Redaction(endpoint, _public(classes))
    body = body_of(endpoint.protocol, columns, endpoint.named)
    count = len(next(iter(columns.values())))
    try:
        with nullcontext(session) if session is not None else open_session() as opened:
            reply = post(endpoint, body, opened)
        if reply.status != 200:
            raise EndpointError(_refusal(reply, endpoint, redaction))
        value = redaction.value(_json(reply.body))
        return answers_of(endpoint.protocol, value, count, classes)
    except UserError as error:
        words = printable(redaction.text(str(error)))[:_LONGEST_ERROR]
        about = f"{endpoint.shown} " if isinstance(error, EndpointError) else ""
        clean = type(error)(about + words)
    raise clean  # here, where no exception is handled that may hold a secret


def _public(classes: Classes) -> set[str]:
    """What answers are made of: where the url's query has one of these words, it is no secret."""
    output = classes.output or ""
    return {*classes.names, *PARTS, *LABELS, *SCORES, *NAMES, output, *output.split(".")}


def _refusal(reply: Reply, endpoint: Endpoint, redaction: Redaction) -> str:
    """What an endpoint said instead of an answer."""
    said = redaction.text(f"said {reply.status} {reply.reason}")[:_SHOWN]
    if 300 <= reply.status < 400:
        place = _place(reply, endpoint, redaction)
        return f"{said} and redirects to {place}: name that url, if you trust it"
    text = reply.body.decode(json.detect_encoding(reply.body), errors="replace")
    return f"{said}: {redaction.text(' '.join(text.split()))[:_SHOWN]}"


def _place(reply: Reply, endpoint: Endpoint, redaction: Redaction) -> str:
    try:
        host = urlsplit(urljoin(endpoint.url, reply.headers.get("Location", ""))).hostname
    except ValueError:
        host = None
    return f"the host {redaction.text(host)[:_SHOWN]}" if host else "nowhere"


def _json(content: bytes) -> Any:
    """The value, where a whole number of very many digits is infinite, as a decimal one is."""
    if sum(map(content.count, (b"\\", b"%", b"&"))) > _MOST_ESCAPES:  # they take long to undo
        raise EndpointError(f"gave an answer with more than {_MOST_ESCAPES:,} escapes")
    try:
        return json.loads(content, parse_int=_whole)
    except RecursionError:
        raise EndpointError("gave an answer that is nested too deeply") from None
    except ValueError:
        raise EndpointError("gave an answer that is not JSON") from None


def _whole(digits: str) -> int | float:
    if len(digits) <= _LONGEST_WHOLE:
        return int(digits)
    if len(digits) <= _LONGEST_NUMBER:
        return float(digits)
    return -math.inf if digits[0] == "-" else math.inf
