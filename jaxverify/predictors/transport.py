"""A request to an endpoint: one deadline, an answer of bounded size, and again where that helps."""

import queue
import random
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import requests
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from jaxverify.predictors.endpoint import Endpoint, EndpointError
from jaxverify.predictors.failures import PASSING, Failure, of_error, of_status

_LARGEST = 64 * 2**20  # bytes of an answer, decompressed
_LARGEST_ERROR = 2**16  # of one that is none
_PIECE = 2**16
_LONGEST_PAUSE = 60.0  # seconds, also where the endpoint asks for more
_LONGEST_PAUSE_AT_START = 30.0


class Reply(NamedTuple):
    """What came back, whatever it says.

    Attributes:
        status: of HTTP.
        reason: the words beside it.
        headers: by name, in whatever case.
        body: decompressed; of a status other than 200 its beginning.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests looks no further, neither at the rest of the answer nor at ``.netrc``."""


def open_session() -> requests.Session:
    """What keeps connections open from request to request."""
    return _Session()


def post(endpoint: Endpoint, body: Any, session: requests.Session) -> Reply:
    """The reply to one request, with a status that does not pass by itself.

    A request whose failure may pass is made again: as the endpoint asks, but after a minute at
    most. Where it asks nothing that can be read: at once, then after twice as long each time, and a
    little longer at random, so that many who were refused together do not come again together.

    Args:
        endpoint: the model.
        body: as JSON has it.
        session: from :func:`open_session`.

    Raises:
        EndpointError: if there is none, with the reason but without the url.

    Guarantee: no try takes longer than ``endpoint.timeout``, however slowly bytes come, or holds
    much more than 64 MiB, however well they were compressed; what cannot pass is not tried again.
    Nothing is sent but the endpoint's own headers: no password of ``.netrc``, and nothing to where
    the endpoint redirects.
    """
    start, asked, counted = time.monotonic(), 0, 0
    while True:
        reply = _try(endpoint, body, session)
        asked += 1
        wanted = 0.0
        if isinstance(reply, Failure):
            failure = reply
        elif reply.status not in PASSING:
            return reply
        else:
            failure = of_status(reply.status)
            wanted = _wanted(reply.headers.get("Retry-After", ""))
        left = start + endpoint.wait - time.monotonic()
        if failure.is_starting and left > 0:
            pause = wanted or endpoint.pause * 2.0 ** min(asked - 1, 9)
            time.sleep(min(pause, left, _LONGEST_PAUSE_AT_START))
            continue
        if not failure.may_pass:
            raise EndpointError(failure.words)
        if counted == endpoint.retries:
            times = "once" if asked == 1 else f"{asked} times"
            raise EndpointError(f"was asked {times} and {failure.words}; try again later")
        if pause := wanted or _growing(endpoint.pause, counted):
            time.sleep(pause)
        counted += 1


def _wanted(retry_after: str) -> float:
    """The seconds that a header asks for, as a number or as a date; 0 if it cannot be read."""
    try:
        return max(0.0, float(min(Retry().parse_retry_after(retry_after), _LONGEST_PAUSE)))
    except (HTTPError, ValueError, OverflowError, TypeError, IndexError):
        return 0.0


def _growing(pause: float, before: int) -> float:
    """The seconds before a retry, given how many there were."""
    if before == 0:
        return 0.0
    return min(pause * 2.0 ** min(before, 9) + random.random() * pause, _LONGEST_PAUSE)


def _try(endpoint: Endpoint, body: Any, session: requests.Session) -> Reply | Failure:
    """One request, given up at the deadline.

    It is made in a thread, as no timeout of a socket ends a host name that is looked up for ever,
    or an answer that comes byte by byte.
    """
    outcome: queue.SimpleQueue[Reply | Failure | Exception] = queue.SimpleQueue()
    given_up = threading.Event()
    open_responses: list[requests.Response] = []

    def work() -> None:
        try:
            outcome.put(_exchange(endpoint, body, session, given_up, open_responses))
        except Exception as error:
            outcome.put(error)

    threading.Thread(target=work, name="request", daemon=True).start()
    try:
        found = outcome.get(timeout=endpoint.timeout)
    except queue.Empty:
        found = requests.Timeout()
    finally:  # also when interrupted
        given_up.set()
        for response in open_responses:
            _end(response)
    return of_error(found) if isinstance(found, Exception) else found


def _exchange(
    endpoint: Endpoint,
    body: Any,
    session: requests.Session,
    given_up: threading.Event,
    open_responses: list[requests.Response],
) -> Reply | Failure:
    with session.post(
        endpoint.url,
        json=body,
        headers=dict(endpoint.headers),
        auth=_as_it_is,
        timeout=endpoint.timeout,
        allow_redirects=False,  # they would carry the questions, and the password, elsewhere
        stream=True,
    ) as response:
        open_responses.append(response)
        is_answer = response.status_code == 200
        most = _LARGEST if is_answer else _LARGEST_ERROR
        content = bytearray()
        with suppress(*() if is_answer else (requests.RequestException, HTTPError)):
            for piece in response.iter_content(_PIECE):
                content += piece
                if given_up.is_set() or len(content) > most:
                    break
    if is_answer and len(content) > most:
        size = f"{_LARGEST // 2**20} MiB"
        return Failure(f"gave an answer of more than {size}: choose a smaller --batch-size")
    return Reply(
        response.status_code, str(response.reason), response.headers, bytes(content[:most])
    )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An ``auth`` that adds nothing: without one, requests takes a password out of ``.netrc``."""
    return request


def _end(response: requests.Response) -> None:
    """End the reading of a response, if it goes on, in whatever thread."""
    shutdown = getattr(response.raw, "shutdown", None)
    if shutdown is not None:
        with suppress(OSError, RuntimeError, ValueError):  # it has ended
            shutdown()
