"""Why a request failed, in words, and whether it is of use to make it again."""

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import requests
from urllib3.exceptions import DecodeError, HTTPError, ProxyError, ProxySchemeUnknown

PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that may pass
_STARTING = (429, 502, 503, 504)  # those of an endpoint that is starting

_PROXY = (
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,  # of a proxy, as that of the endpoint has been looked at
    requests.exceptions.InvalidSchema,
    ProxyError,
    ProxySchemeUnknown,
)
_BROKEN = (
    ConnectionError,
    http.client.IncompleteRead,
    requests.exceptions.ChunkedEncodingError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
_NO_BUNDLE = "cannot be asked: REQUESTS_CA_BUNDLE names no file of certificates"
_UNREACHED = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


class Failure(NamedTuple):
    """Of one request.

    Attributes:
        words: of what the endpoint did.
        may_pass: whether the same request may be answered a little later.
        is_starting: whether an endpoint does so that is starting.
    """

    words: str
    may_pass: bool = False
    is_starting: bool = False


def of_status(status: int) -> Failure:
    """What a status of ``PASSING`` means."""
    return Failure(f"said {status}", may_pass=True, is_starting=status in _STARTING)


def of_error(error: Exception) -> Failure:
    """What an exception of requests, or of what it stands on, means.

    Raises:
        Exception: the error itself, where neither network nor settings explain it.

    Guarantee: the words hold no text of the exception, which may hold the url, but for what the
    operating system and OpenSSL say.
    """
    causes = list(_causes(error))
    if _find(causes, *_PROXY):
        return Failure(f"is behind the proxy that the environment names, which {_proxy(causes)}")
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            why = getattr(each, "verify_message", each.strerror)
            return Failure(f"has a certificate that is not accepted here: {why}")
        if isinstance(each, ssl.SSLError) and getattr(each, "library", "") in ("X509", "PEM"):
            return Failure(_NO_BUNDLE)
    if _find(causes, socket.gaierror):
        return Failure("has a host name that is not known here")
    if _find(causes, ConnectionRefusedError):
        words = "refused the connection: look at the port, or give it time with --wait"
        return Failure(words, is_starting=True)
    if _find(causes, requests.Timeout, TimeoutError):
        return Failure("took too long", may_pass=True, is_starting=True)
    if _find(causes, *_BROKEN):
        return Failure("broke off", may_pass=True, is_starting=True)
    if _find(causes, ssl.SSLError):
        return Failure("does not speak TLS as https:// does: try http://")
    if _find(causes, http.client.HTTPException):
        return Failure("does not speak HTTP: look at the port, or try https://")
    if _find(causes, DecodeError):
        return Failure("gave an answer that cannot be decompressed")
    if _find(causes, requests.exceptions.InvalidJSONError):
        return Failure("cannot be asked: a question holds NaN or infinity, which is not JSON")
    for each in causes:
        if isinstance(each, OSError) and each.strerror:
            passes = each.errno in _UNREACHED
            return Failure(f"cannot be reached: {each.strerror}", passes, passes)
    if type(error) is OSError:  # so requests says that there is no such file
        return Failure(_NO_BUNDLE)
    if _find(causes, requests.RequestException, HTTPError):
        return Failure(f"cannot be asked ({type(error).__name__})")
    raise error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and all that it stands on."""
    seen: list[BaseException] = []
    ahead: list[object] = [error]
    while ahead:
        each = ahead.pop(0)
        if isinstance(each, BaseException) and not any(each is other for other in seen):
            seen.append(each)
            yield each
            ahead += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _find(causes: Sequence[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(each, kinds) for each in causes)


def _proxy(causes: Sequence[BaseException]) -> str:
    if _find(causes, socket.gaierror):
        return "has a host name that is not known here"
    if _find(causes, ConnectionRefusedError):
        return "refused the connection"
    if _find(causes, TimeoutError):
        return "took too long"
    status = re.search(r"Tunnel connection failed: (\d{3})", " ".join(map(str, causes)))
    return f"said {status[1]}" if status else "cannot be used"
