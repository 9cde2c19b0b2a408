"""Where a model behind HTTP is, and how it is asked."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from jaxverify.errors import UserError
from jaxverify.printable import printable

Protocol = Literal["v1", "v2", "mlflow"]

_DAY = 86_400
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.]*:[0-9a-f:.]*(%.+)?")  # a name or IPv4, or IPv6
_SENDABLE = re.compile(r"[!-~\xa0-\xff]([ -~\xa0-\xff]*[!-~\xa0-\xff])?")


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
        timeout: seconds from the start of a request to the end of its answer.
        retries: how often a request is made again that failed for a reason that may pass.
        pause: seconds before the first of them; every other time twice as long.
        headers: of each request, such as the authorisation.
        wait: seconds for which an endpoint may be starting: until then a request is made again
            without counting as a retry.

    Raises:
        UserError: if a value cannot be used.

    Guarantee: the message of an error, ``repr`` and ``shown`` hold no value of the url's query, no
    password and no header; an endpoint that could be made has a url that requests can send to.

    >>> Endpoint("https://host/score?code=s3cret&api-version=2#top").shown
    'https://host/score?code=***&api-version=***'
    """

    url: str
    protocol: Protocol = "v1"
    named: bool = False
    timeout: float = 60.0
    retries: int = 5
    pause: float = 1.0
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0

    def __post_init__(self) -> None:
        _check_url(self.url)
        if not 0 < self.timeout <= _DAY:
            raise UserError(
                f"timeout is {self.timeout}; it is a number of seconds above 0, at most {_DAY:,}"
            )
        if not 0 <= self.wait <= _DAY:
            raise UserError(
                f"wait is {self.wait}; it is a number of seconds from 0, at most {_DAY:,}"
            )
        if self.retries < 0:
            raise UserError(f"retries is {self.retries}; it is 0 or more")
        for name, value in self.headers:
            if not _SENDABLE.fullmatch(value):
                raise UserError(
                    f"the header {name} cannot be sent: its value is empty, begins or ends with a "
                    "space, or holds a line break, a control character or a letter beyond Latin-1"
                )

    @property
    def shown(self) -> str:
        """The url for people to see: without the values of its query, and without its fragment."""
        parts = urlsplit(self.url)
        fields = [field.partition("=") for field in parts.query.split("&")]
        query = "&".join(f"{name}=***" if equals else "***" for name, equals, _ in fields)
        return urlunsplit(parts._replace(query=query if parts.query else "", fragment=""))

    @property
    def is_all_shown(self) -> bool:
        """Whether ``shown`` is the whole url."""
        parts = urlsplit(self.url)
        return not (parts.query or parts.fragment)

    def __repr__(self) -> str:
        """Without the headers and the query, which may hold a password."""
        return f"Endpoint({self.shown!r}, {self.protocol!r})"


def _check_url(url: str) -> None:
    """Refuse what requests cannot send to; without a word of it, as it may hold a password."""
    if printable(url) != url or re.search(r"[\s\\]", url):
        raise UserError("the url holds a space, a line break, a control character or a backslash")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError("the url is not one that begins with http:// or https:// and a host")
    if "@" in parts.netloc:
        raise UserError("the url holds a password: name an environment variable with --auth-env")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise UserError("the url has a port that is not a number from 1 to 65535")
    if not parts.hostname or not _is_host(url):
        raise UserError(
            "the url has a host that cannot be one: its name has an empty part, one of more than "
            "63 characters, or a sign that no name has"
        )


def _is_host(url: str) -> bool:
    try:
        sent = urlsplit(requests.Request("POST", url).prepare().url or "")
        host = str(sent.hostname).removesuffix(".")
        return len(host.encode("idna")) < 254 and _HOST.fullmatch(host) is not None
    except (requests.RequestException, HTTPError, ValueError):
        return False
