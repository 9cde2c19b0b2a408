"""Endpoints that do not behave."""

import json
import time
import zlib
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from benchmarks.faults import bases
from benchmarks.faults.scenario import Base, Scenario
from benchmarks.faults.server import Behave, Exchange

_LONG = 60.0  # seconds: longer than anybody waits for one answer
_ESCAPE = "\x1b[2J\x1b]0;owned\x07"


def _body(exchange: Exchange) -> bytes:
    return json.dumps({"predictions": exchange.answers}).encode()


def _head(length: int | str, more: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode("latin-1")


def _drip(pieces: Callable[[Exchange], tuple[bytes, bytes]], pause: float) -> Behave:
    """Send the first part, then the second byte by byte."""

    def behave(exchange: Exchange) -> None:
        first, then = pieces(exchange)
        exchange.send(first)
        end = time.monotonic() + _LONG
        for i in range(len(then)):
            if time.monotonic() > end:
                return
            exchange.send(then[i : i + 1])
            time.sleep(pause)

    return behave


def _endless(start: bytes, piece: bytes) -> Behave:
    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        for _ in range(2**40 // len(piece)):
            exchange.send(piece)

    return behave


def _raw(make: Callable[[Exchange], bytes]) -> Behave:
    def behave(exchange: Exchange) -> None:
        exchange.send(make(exchange))
        raise ConnectionError  # closes

    return behave


def _reply(body: bytes, status: str = "200 OK", **headers: str) -> Behave:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.reply(body, status, named)


def _echo(status: str, *, in_reason: bool = False) -> Behave:
    def behave(exchange: Exchange) -> None:
        token = exchange.secret_header
        line = f"{status} {token}" if in_reason else status
        exchange.reply(f"not allowed: {token}".encode(), line)

    return behave


def _wait(seconds: float) -> Behave:
    def behave(exchange: Exchange) -> None:
        time.sleep(seconds)
        exchange.answer()

    return behave


def _closed(exchange: Exchange) -> None:
    raise ConnectionError


@lru_cache
def _bomb() -> bytes:
    """A gibibyte of zeros, made before anybody waits for it."""
    packing = zlib.compressobj(1, wbits=31)
    pieces = [packing.compress(bytes(2**20)) for _ in range(2**10)]
    return b"".join([*pieces, packing.flush()])


def _send_bomb(exchange: Exchange) -> None:
    exchange.reply(_bomb(), headers={"Content-Encoding": "gzip"})


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_TRANSPORT: dict[str, Behave] = {
    "answers": Exchange.answer,
    "drips its body": _drip(lambda e: (_head(len(_body(e))), b" " * 10_000), 0.2),
    "drips its body slowly": _drip(lambda e: (_head(10_000), b" " * 10_000), 0.8),
    "drips its headers": _drip(lambda e: (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 5_000), 0.2),
    "drips its status": _drip(lambda e: (b"", b"HTTP/1.1 200 " + b"O" * 10_000), 0.2),
    "drips chunks": _drip(lambda e: (_CHUNKED, b"1\r\n \r\n" * 5_000), 0.1),
    "says nothing": _wait(_LONG),
    "starts slowly": _wait(0.5),
    "has a body without end": _endless(_CHUNKED, b"100000\r\n" + b" " * 2**20 + b"\r\n"),
    "has a body without length or end": _endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 2**20),
    "has a huge body": lambda e: e.reply(b" " * 2**28),
    "says it has a huge body": _raw(lambda e: _head(10**15)),
    "has an error without end": _endless(b"HTTP/1.1 400 No\r\n\r\n", b"x" * 2**20),
    "has headers without end": _endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "has a header without end": _endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 2**16),
    "says 100 without end": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "sends a gzip bomb": _send_bomb,
    "says gzip and sends none": _reply(b'{"predictions": []}', Content_Encoding="gzip"),
    "says br": _reply(b'{"predictions": []}', Content_Encoding="br"),
    "says deflate": _reply(b"\x00\x01", Content_Encoding="deflate"),
    "says gzip many times": _reply(b"x", Content_Encoding=", ".join(["gzip"] * 50)),
    "says an unknown encoding": lambda e: e.reply(_body(e), headers={"Content-Encoding": "x-none"}),
    "echoes the token in a body": _echo("401 Unauthorized"),
    "echoes the token in a reason": _echo("403", in_reason=True),
    "echoes the token and 200": lambda e: e.reply(json.dumps(e.secret_header).encode()),
    "echoes the token as answers": lambda e: e.predict([e.secret_header] * len(e.questions)),
    "echoes the token in a redirect": lambda e: e.reply(
        b"", "302 Found", {"Location": f"/{e.secret_header}"}
    ),
    "has escapes in a body": _reply(_ESCAPE.encode(), "400 Bad"),
    "has escapes in a reason": _raw(lambda e: _head(0, status=f"400 {_ESCAPE}")),
    "has C1 controls in a body": _reply(b"\x9b31m\xc2\x9b31m", "400 Bad"),
    "has bidi in a body": _reply("\u202eabc".encode(), "400 Bad"),
    "has markup in a body": _reply(b"[/red][link=http://x]x", "400 [bold]"),
    "has a long reason": _raw(lambda e: _head(0, status="400 " + "x" * 60_000)),
    "has lines in a body": _reply(b"a\nerror: b\n\n\nc", "400 Bad"),
    "has no UTF-8 in a body": _reply(
        b"\xff\xfe\x00x", "400 Bad", Content_Type="text/x; charset=no"
    ),
    "has no known charset": _reply(b"x" * 9, "400 Bad", Content_Type="text/x; charset=\x1b"),
    "redirects": _reply(b"", "302 Found", Location="/again"),
    "redirects to a file": _reply(b"", "301 Moved", Location="file:///etc/passwd"),
    "redirects the method too": _reply(b"", "307 Temporary", Location="http://127.0.0.1:1/"),
    "says 204": _raw(lambda e: b"HTTP/1.1 204 No Content\r\n\r\n"),
    "says 206": _reply(b'{"predictions": []}', "206 Partial"),
    "says 429": _reply(b"", "429 Slow", Retry_After="0"),
    "says 429 and a long wait": _reply(b"", "429 Slow", Retry_After="99999999"),
    "says 429 and a bad wait": _reply(b"", "429 Slow", Retry_After="-\x1b[31m nan"),
    "says 429 and an odd date": _reply(b"", "503 Busy", Retry_After="Fri, 99 Foo 99999 99:99:99"),
    "says 500": _reply(b"oops", "500 Oops"),
    "says 503": _reply(b"", "503 Busy"),
    "says 404": _reply(b"<html>no</html>", "404 Not Found"),
    "says 413": _reply(b"", "413 Too Large"),
    "says 999": _reply(b"", "999 Odd"),
    "says 000": _raw(lambda e: b"HTTP/1.1 000 \r\n\r\n"),
    "says 20": _raw(lambda e: b"HTTP/1.1 20 OK\r\n\r\n"),
    "says a negative status": _raw(lambda e: b"HTTP/1.1 -200 OK\r\n\r\n"),
    "closes at once": _closed,
    "closes in the headers": _raw(lambda e: b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closes in the body": _raw(lambda e: _head(1000) + _body(e)[:20]),
    "closes in a chunk": _raw(lambda e: _CHUNKED + b"ff\r\n{"),
    "has a bad chunk size": _raw(lambda e: _CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "has a negative chunk size": _raw(lambda e: _CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n"),
    "has a huge chunk size": _raw(lambda e: _CHUNKED + b"f" * 40 + b"\r\n{}"),
    "has a negative length": _raw(lambda e: _head(-5) + _body(e)),
    "has no number as length": _raw(lambda e: _head("x") + _body(e)),
    "has two lengths": _raw(lambda e: _head(5, "Content-Length: 9\r\n") + _body(e)),
    "has a length that is too small": _raw(lambda e: _head(5) + _body(e)),
    "is no HTTP": _raw(lambda e: b"SSH-2.0-OpenSSH_9.6\r\n"),
    "is binary": _raw(lambda e: bytes(range(256)) * 10),
    "is HTTP 0.9": _raw(_body),
    "is HTTP 9": _raw(lambda e: b"HTTP/9.9 200 OK\r\n\r\n" + _body(e)),
    "has a thousand headers": _raw(lambda e: _head(2, "X: y\r\n" * 1000) + b"{}"),
    "has a long header": _raw(lambda e: _head(2, "X: " + "y" * 10**6 + "\r\n") + b"{}"),
    "has a header without a colon": _raw(lambda e: _head(2, "nonsense\r\n") + b"{}"),
    "has a header with a null byte": _raw(lambda e: _head(2, "X: \0\r\n") + b"{}"),
    "sets odd cookies": lambda e: e.reply(_body(e), headers={"Set-Cookie": "a=\x1b; expires=x;;"}),
}


def _after(number: int, behave: Behave) -> Behave:
    """Answer the first ``number`` requests well, and misbehave from then on."""
    turns = iter(range(10**9))
    return lambda exchange: exchange.answer() if next(turns) < number else behave(exchange)


def _once(behave: Behave) -> Behave:
    """Misbehave once, then answer well."""
    turns = iter(range(10**9))
    return lambda exchange: behave(exchange) if next(turns) == 0 else exchange.answer()


def _scenario(kind: str, rng: Random, name: str, behave: Behave, base: Base) -> Scenario:
    when = rng.choice(["always", "always", "after 2", "once"])
    behave = {"always": behave, "after 2": _after(2, behave), "once": _once(behave)}[when]
    words = base.given("--batch-size", rng.choice(["8", "32"]))
    return Scenario(
        kind,
        f"{name}, {when}",
        base,
        words,
        server=behave,
        env=bases.ENV,
        answers_changed=kind == "endpoint_answers",
    )


def transport(rng: Random) -> Scenario:
    """A response that is slow, large, cut short or no response at all."""
    name, behave = rng.choice(list(_TRANSPORT.items()))
    if behave is _send_bomb:
        _bomb()
    return _scenario("endpoint_transport", rng, name, behave, bases.ask(rng))


def _all(value: Any) -> Callable[[list[str]], Any]:
    return lambda answers: [value] * len(answers)


_ANSWERS: dict[str, Callable[[list[str]], Any]] = {
    "one too few": lambda answers: answers[:-1],
    "one too many": lambda answers: [*answers, answers[0]],
    "none": lambda answers: [],
    "no list": lambda answers: answers[0],
    "an object": lambda answers: dict(enumerate(answers)),
    "null": lambda answers: None,
    "nested": lambda answers: [[[each]] for each in answers],
    "one list": lambda answers: [answers],
    "null each": _all(None),
    "an empty text each": _all(""),
    "an empty list each": _all([]),
    "an empty object each": _all({}),
    "true each": _all(True),
    "of all types": lambda answers: [
        [1, "x", None, {}, [], 0.5, True][i % 7] for i in range(len(answers))
    ],
    "scores that are not numbers": _all([float("nan")] * 4),
    "scores without bounds": _all([float("inf")] * 4),
    "huge scores": _all([1e308, -1e308, 1e308, 1e308]),
    "equal scores": _all([0.25] * 4),
    "three scores": _all([0.5, 0.3, 0.2]),
    "five scores": _all([0.5, 0.2, 0.1, 0.1, 0.1]),
    "scores of texts": _all(["0.5", "0.3", "0.1", "0.1"]),
    "a huge whole number": _all(10**400),
    "beyond 64 bits": _all(2**64),
    "a negative index": _all(-1),
    "an index that is too large": _all(4),
    "half an index": _all(1.5),
    "escapes": _all(_ESCAPE),
    "markup": _all("[/red][link=http://x]"),
    "bidi": _all("\u202eant"),
    "a surrogate": _all("\ud800"),
    "lines": _all("ant\nerror: PASS"),
    "a long text": _all("x" * 100_000),
    "the class in capitals": lambda answers: [each.upper() for each in answers],
    "the class with spaces": lambda answers: [f" {each} " for each in answers],
    "fields": lambda answers: [{"label": a, "score": 0.9, "x": "bee"} for a in answers],
    "odd fields": lambda answers: [{_ESCAPE: a, "[/]": "ant", "y": 1} for a in answers],
    "many fields": lambda answers: [{f"f{i}": a for i in range(2000)} for a in answers],
    "named outputs": lambda answers: {"label": answers, "other": [0] * len(answers)},
    "named outputs of odd lengths": lambda answers: {"label": answers, "other": [0]},
    "an object of objects": lambda answers: {"a": {"b": answers}},
}
_BODIES: dict[str, bytes] = {
    "not JSON": b"oops",
    "empty": b"",
    "a page": b"<html>",
    "NaN": b'{"predictions": NaN}',
    "cut short": b'{"predictions": ["ant"',
    "deep": b'{"predictions": ' + b"[" * 200_000,
    "deep and whole": b'{"predictions": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a long number": b'{"predictions": [' + b"9" * 10_000 + b"]}",
    "in UTF-16": '{"predictions": []}'.encode("utf-16"),
    "with a BOM": b'\xef\xbb\xbf{"predictions": []}',
    "no UTF-8": b'{"predictions": ["\xff"]}',
    "a key twice": b'{"predictions": ["ant"], "predictions": []}',
    "null": b"null",
    "a number": b"3",
    "a text": b'"x"',
    "a list": b"[]",
    "an error": b'{"error": "\\u001b[31mno"}',
    "zeros": bytes(1000),
    "outputs": b'{"outputs": [{"name": "x", "shape": [-1], "data": []}]}',
    "outputs of a huge shape": b'{"outputs": [{"shape": [99999999999, 99], "data": [1]}]}',
    "outputs of a negative shape": b'{"outputs": [{"name": "x", "shape": [-5, -5], "data": [1]}]}',
    "outputs without a shape": b'{"outputs": [{"name": "x", "data": [1]}]}',
    "outputs that are odd": b'{"outputs": [3, null, {"name": {}}]}',
    "outputs of no type": b'{"outputs": [{"datatype": "\\u001b", "shape": [1], "data": [[1]]}]}',
    "outputs of a deep shape": b'{"outputs": [{"name": "x", "shape": ['
    + b",".join([b"1"] * 100)
    + b'], "data": [1]}]}',
    "outputs of a huge number": b'{"outputs": [{"datatype": "INT64", "shape": [1], "data": ['
    + b"9" * 400
    + b"]}]}",
    "outputs of infinite shape": b'{"outputs": [{"name": "x", "shape": [Infinity], "data": [1]}]}',
}


def answers(rng: Random) -> Scenario:
    """A response whose answers are odd."""
    base = bases.ask(rng)
    if rng.random() < 0.3:
        name, body = rng.choice(list(_BODIES.items()))
        protocol = rng.choice(["v1", "v2", "v2", "mlflow"])
        words = base.given("--protocol", protocol)
        base = Base(base.project, words, base.knows, asks=True)
        return _scenario("endpoint_answers", rng, f"{name} ({protocol})", _reply(body), base)
    name, make = rng.choice(list(_ANSWERS.items()))
    form = rng.choice([(), (), ("--answers", "indices"), ("--output", "label")])
    # Who answers all questions alike knows nothing, whatever was known.
    tried = make(["ant", "bee", "cat", "dog"])
    alike = isinstance(tried, list) and all(each == tried[0] for each in tried)
    knows = base.knows and not alike
    base = Base(base.project, (*base.command, *form), knows, asks=True)
    behave: Behave = lambda exchange: exchange.predict(make(exchange.answers))  # noqa: E731
    return _scenario("endpoint_answers", rng, name, behave, base)
