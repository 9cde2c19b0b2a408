"""What a server must not tell on: the secrets of a request, taken out of all that it says."""

import base64
import html
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from jaxverify.predictors.endpoint import Endpoint, EndpointError

HIDDEN = "***"
_DEEPEST = 100  # levels of lists and objects
_LONGEST = 2**20  # characters of one text
_LONG = 6  # characters of a secret that is hidden wherever it stands
_PIECE = 8  # characters of a part of a header that may be a secret by itself
_ROUNDS = 3  # of escaping, one over the other

# Percent-encoding, JSON's or Python's escapes, and HTML's.
_ESCAPES = re.compile(
    r"(?P<percent>(?:%[0-9a-f]{2})+)|(?P<units>(?:\\u[0-9a-f]{4})+)|(?P<bytes>(?:\\x[0-9a-f]{2})+)"
    r"|\\(?P<sign>[^a-z0-9\s])|(?P<entity>&(?:#[0-9]{1,9}|#x[0-9a-f]{1,8}|[a-z0-9]{2,31});)",
    re.IGNORECASE,
)


class Redaction:
    """Hides the secrets of an endpoint.

    Guarantee: no text that comes back holds the value of a header, its part after the scheme, the
    user or password of Basic, or a value of the url's query of six characters or more; neither as
    it is, in whatever case, nor in percent-encoding, base64, or the escapes of HTML and JSON.
    Secrets of fewer characters are hidden where they stand as a word.
    """

    def __init__(self, endpoint: Endpoint, public: Collection[str] = ()) -> None:
        """Find out what is secret.

        Args:
            endpoint: as it is asked.
            public: words that are no secret, whatever is: a whole text that is one of them stays.
        """
        self._public = frozenset(public)
        known = {each for secret in _secrets(endpoint) for each in _versions(secret)}
        known |= {each for secret in known for each in _in_base64(secret)}
        known = {each for each in known if each.strip("*")}  # what hides is hidden well enough
        longest_first = sorted(known, key=len, reverse=True)
        self._known = tuple(map(_folded, longest_first))
        self._secret = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)

    def text(self, text: str) -> str:
        """The text without a secret; where one was escaped, without escapes."""
        if not self._known:
            return text
        for version in _versions(text):
            folded = _folded(version)
            if any(each in folded for each in self._known):
                hidden = self._secret.sub(HIDDEN, version)
                if hidden != version:
                    return self.text(hidden)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value of JSON without a secret, its keys and whole numbers included.

        Raises:
            EndpointError: if it is nested more deeply, or a text is longer, than any answer is.
        """
        if isinstance(value, str):
            if len(value) > _LONGEST:
                raise EndpointError(f"gave an answer with a text of {len(value):,} characters")
            return value if value in self._public else self.text(value)
        if not isinstance(value, list | dict):
            return HIDDEN if type(value) is int and self._is_secret(value) else value
        if depth == _DEEPEST:
            raise EndpointError(
                f"gave an answer with more than {_DEEPEST} levels of lists and objects"
            )
        if isinstance(value, list):
            return [self.value(each, depth + 1) for each in value]
        return {self.value(k): self.value(each, depth + 1) for k, each in value.items()}

    def _is_secret(self, number: int) -> bool:
        return number >= 10 ** (_LONG - 1) and str(number) in self._known


def _secrets(endpoint: Endpoint) -> Iterator[str]:
    for _, value in endpoint.headers:
        yield value
        scheme, _, rest = value.partition(" ")
        yield from filter(None, [rest.strip()])
        yield from (each for each in re.split(r'[\s,;="]+', rest) if len(each) >= _PIECE)
        if scheme.lower() == "basic":
            yield from _of_basic(rest)
    for field in re.split("[&;]", urlsplit(endpoint.url).query):
        name, equals, value = field.partition("=")
        value = unquote(value if equals else name)
        if len(value) >= _LONG:
            yield value


def _of_basic(rest: str) -> Iterator[str]:
    try:
        text = base64.b64decode(rest + "==").decode(errors="replace")
    except ValueError:
        return
    yield from filter(None, (text, *text.partition(":")[::2]))


def _in_base64(secret: str) -> Iterator[str]:
    """What base64 makes of a secret, wherever in a text it begins; in both alphabets."""
    raw = secret.encode(errors="replace")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        whole = encoded[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]  # of the secret alone
        if len(whole) >= _LONG:
            yield from (whole, whole.replace("+", "-").replace("/", "_"))


def _versions(text: str) -> Iterator[str]:
    """The text, and what is left of it when its escapes are undone, again and again."""
    yield text
    for _ in range(_ROUNDS):
        if not any(sign in text for sign in "%\\&"):
            return
        before, text = text, _ESCAPES.sub(_unescaped, text)
        if text == before:
            return
        yield text


def _unescaped(match: re.Match[str]) -> str:
    text = match.group()
    kind = match.lastgroup
    if kind == "sign":
        return text[1:]
    if kind == "entity":
        return html.unescape(text)
    if kind == "units":
        return bytes.fromhex(text.replace("\\u", "").replace("\\U", "")).decode(
            "utf-16-be", errors="replace"
        )
    if kind == "bytes":
        text = text.replace("\\", "%").replace("x", "").replace("X", "")
    return unquote_to_bytes(text).decode(errors="replace")


def _folded(text: str) -> str:
    """A text without the differences that tell no secret from another."""
    return text.replace("\u0130", "i").lower().replace("+", " ")


def _pattern(secret: str) -> str:
    literal = "".join("[ +]" if each in " +" else re.escape(each) for each in secret)
    return literal if len(secret) >= _LONG else rf"(?<!\w){literal}(?!\w)"
