"""One deadline, bounded answers, causes by their names, and time for what is starting."""

import gzip
import json
import socket
import ssl
import threading
import time
import tracemalloc

import pytest
import requests
from loopback import answer, serving
from test_http import NAMES

from jaxverify import UserError
from jaxverify.predictors import transport
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.endpoint import Endpoint, EndpointError
from jaxverify.predictors.http import ask

RIGHT = answer(b'{"predictions": ["yes"]}')
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def said(url, count=1, **options):
    options = {"retries": 0, "timeout": 5.0, "pause": 0.01} | options
    return ask(Endpoint(url, **options), {"text": ["a"] * count}, Classes(NAMES))


def drip(beginning, piece):
    """Sends a piece every twentieth of a second, for as long as somebody listens."""

    def talk(connection, server):
        connection.sendall(beginning)
        try:
            while not server.over.wait(0.05):
                connection.sendall(piece)
        except OSError:
            server.dropped.set()

    return talk


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED, b"0"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"X: ", b"y"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999\r\n\r\n", b"n"),
    ],
)
def test_a_request_ends_at_its_deadline_however_slowly_bytes_come(beginning, piece):
    with serving(drip(beginning, piece)) as server:
        start = time.monotonic()
        with pytest.raises(EndpointError, match="took too long"):
            said(server.url, timeout=0.3)
        assert 0.3 <= time.monotonic() - start < 0.6
        if b"Length" in beginning or beginning == CHUNKED:  # nobody goes on reading
            assert server.dropped.wait(2)


def test_a_host_name_that_is_looked_up_for_ever_ends_at_the_deadline(monkeypatch):
    found = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found.wait(5) and [])
    start = time.monotonic()
    with pytest.raises(EndpointError, match="was asked 2 times and took too long"):
        said("http://model.invalid/", timeout=0.2, retries=1)
    assert 0.4 <= time.monotonic() - start < 0.8
    found.set()


def test_after_an_answer_that_was_too_slow_the_next_is_that_of_the_next_request():
    slow = drip(HEAD + b"Content-Length: 9999\r\n\r\n", b" ")
    with serving(slow, RIGHT) as server, transport.open_session() as session:
        endpoint = Endpoint(server.url, timeout=0.2, pause=0.01)
        for _ in range(3):
            assert ask(endpoint, {"text": ["a"]}, Classes(NAMES), session=session) == ["yes"]
        assert len(server.heads) == 4


def bomb(layers=1, size=2**30):
    content = gzip.compress(bytes(2**20), 9) * (size // 2**20)
    for _ in range(layers - 1):
        content = gzip.compress(content, 9)
    return answer(content, "200 OK", f"Content-Encoding: {', '.join(['gzip'] * layers)}")


def chunks(reply):
    """The same answer in chunks."""
    head, _, body = reply.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    head = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("reply", [bomb(), bomb(2), bomb(3), chunks(bomb()), chunks(bomb(2))])
def test_an_answer_that_expands_without_end_takes_no_more_room_than_its_bound(reply, monkeypatch):
    monkeypatch.setattr(transport, "_LARGEST", 2**22)
    with serving(reply) as server:
        tracemalloc.start()
        with pytest.raises(EndpointError, match="more than 4 MiB: choose a smaller --batch-size"):
            said(server.url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3 * 2**22


def test_of_an_error_no_more_is_read_than_its_beginning():
    def talk(connection, server):
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 999999999\r\n\r\n")
        for _ in range(4):
            connection.sendall(b"no such model  " * 2**16)

    with serving(talk) as server, pytest.raises(EndpointError) as error:
        said(server.url)
    assert "said 404 Not Found: no such model no such" in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" * 500_000, "not JSON|nested too deeply"),
        (b"[" * 500 + b"]" * 500, "more than 100 levels"),
        (b'{"predictions": ' + b'{"a": ' * 900 + b"1" + b"}" * 901, "more than 100 levels"),
        (b'{"predictions": 1' + b"0" * 100_000 + b"}", "no list of predictions"),
        (b'{"predictions": ["' + b"x" * 2**21 + b'"]}', "text of 2,097,152 characters"),
        (b'["' + rb"\u0025" * 2**21 + b'"]', "more than 1,048,576 escapes"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'["\xff"]', "not JSON"),
    ],
)
def test_odd_json_is_an_error_in_one_line(body, message):
    with serving(answer(body)) as server, pytest.raises(EndpointError, match=message) as error:
        said(server.url)
    assert str(error.value).isprintable()


def test_numbers_beyond_all_bounds_are_infinite():
    digits = "9" * 5000
    body = f"[NaN, -Infinity, 1e999, {digits}, -{digits}, {digits[:300]}, 123456789012345678]"
    with serving(answer(body.encode())) as server:
        found = said(server.url, count=7)
    assert str(found) == "[nan, -inf, inf, inf, -inf, 1e+300, 123456789012345678]"


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "environment", "message"),
    [
        ("http://127.0.0.1:{closed}/", {}, "refused the connection"),
        ("http://no-such-host.invalid/", {}, "has a host name that is not known here"),
        ("http://h.invalid/", {"http_proxy": "http://me:s3cret@127.0.0.1:{closed}"}, "proxy .*ref"),
        ("https://h.invalid/", {"https_proxy": "http://127.0.0.1:{open}"}, "proxy .*said 403"),
        ("http://h.invalid/", {"http_proxy": "http://no-such.invalid"}, "proxy .*not known here"),
        ("http://h.invalid/", {"http_proxy": "bad://x"}, "proxy .* cannot be used"),
        ("http://h.invalid/", {"http_proxy": "http://[::1"}, "proxy .* cannot be used"),
        ("https://127.0.0.1:{open}/", {"REQUESTS_CA_BUNDLE": "nowhere"}, "no file of certificates"),
        ("https://127.0.0.1:{open}/", {"REQUESTS_CA_BUNDLE": __file__}, "no file of certificates"),
    ],
)
def test_what_waiting_cannot_help_is_said_at_once_with_its_cause(
    url, environment, message, monkeypatch, fast
):
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def unknown(host, *args, **options):
        if ".invalid" in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found(host, *args, **options)

    found = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with serving(answer(b"no", "403 \x1b[2J")) as server:
        ports = {"closed": closed_port(), "open": server.port}
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(**ports))
        with pytest.raises(EndpointError, match=message) as error:
            said(url.format(**ports), retries=5, pause=1.0)
    assert fast == []
    assert "s3cret" not in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("error", "words", "passes"),
    [
        (ssl.SSLCertVerificationError(1, "x"), "certificate that is not accepted", False),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "does not speak TLS", False),
        (ssl.SSLEOFError(8, "EOF"), "broke off", True),
        (ConnectionResetError(104, "reset"), "broke off", True),
        (TimeoutError(110, "timed out"), "took too long", True),
        (OSError(101, "Network is unreachable"), "cannot be reached: Network is", True),
        (PermissionError(13, "Permission denied"), "cannot be reached: Permission denied", False),
        (UnicodeError("label too long"), "label too long", False),
    ],
)
def test_a_cause_is_found_however_it_is_wrapped(error, words, passes, fast):
    session = requests.Session()
    asked = []

    def fail(*_, **__):
        asked.append(1)
        try:
            raise error
        except Exception as cause:
            raise requests.ConnectionError("?code=s3cret") from cause

    session.post = fail
    endpoint = Endpoint("http://host/?code=s3cret", retries=1)
    if isinstance(error, UnicodeError):
        words = r"cannot be asked \(ConnectionError\)"
    with pytest.raises(EndpointError, match=words) as raised:
        ask(endpoint, {"text": ["a"]}, Classes(NAMES), session=session)
    assert len(asked) == (2 if passes else 1)
    assert "s3cret" not in str(raised.value)


def test_what_is_no_http_is_said_at_once():
    with serving(b"SSH-2.0-OpenSSH_9.9\r\n") as server:
        with pytest.raises(EndpointError, match="does not speak HTTP"):
            said(server.url, retries=5)
        assert len(server.heads) == 1
    with serving(answer(b"nothing", "200 OK", "Content-Encoding: gzip")) as server:
        with pytest.raises(EndpointError, match="cannot be decompressed"):
            said(server.url, retries=5)
        assert len(server.heads) == 1


def test_an_endpoint_that_is_starting_is_waited_for_without_counting_retries():
    busy = [answer(b"", f"{status} x") for status in (502, 503, 504, 429)]
    with serving(*busy, lambda connection, _: connection.close(), *busy, RIGHT) as server:
        assert said(server.url, wait=60.0, pause=0.001) == ["yes"]
        assert len(server.heads) == 10
    port = closed_port()
    beginning = threading.Event()

    def begin():
        with serving(RIGHT, port=port):
            beginning.wait(5)

    starter = threading.Timer(0.2, begin)
    starter.start()
    assert said(f"http://127.0.0.1:{port}/", wait=60.0) == ["yes"]
    beginning.set()
    starter.join()


def test_it_is_waited_for_no_longer_than_was_said():
    start = time.monotonic()
    with pytest.raises(EndpointError, match="refused the connection"):
        said(f"http://127.0.0.1:{closed_port()}/", wait=0.3)
    assert 0.3 <= time.monotonic() - start < 0.7
    with serving(answer(b"", "500 x")) as server:  # an endpoint that starts says something else
        with pytest.raises(EndpointError, match="asked 3 times and said 500"):
            said(server.url, wait=60.0, retries=2)
        assert len(server.heads) == 3


def test_pauses_grow_to_half_a_minute_while_it_is_starting(fast, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        time, "sleep", lambda seconds: (fast.append(seconds), clock.append(clock.pop() + seconds))
    )
    with pytest.raises(EndpointError, match="refused the connection"):
        said(f"http://127.0.0.1:{closed_port()}/", wait=100.0, pause=1.0)
    assert fast == [1, 2, 4, 8, 16, 30, 30, 9]


@pytest.mark.parametrize("wanted", ["9" * 5000, "Fri, 99 Foo 99999999999 99:99:99", "\xff", ""])
def test_a_wish_that_cannot_be_read_is_no_wish(wanted, fast):
    with serving(answer(b"", "503 x", f"Retry-After: {wanted}"), RIGHT) as server:
        assert said(server.url, retries=1) == ["yes"]
    assert fast in ([], [60.0])


def test_answers_in_the_bytes_of_utf_16_are_read():
    with serving(answer(json.dumps({"predictions": ["yes"]}).encode("utf-16"))) as server:
        assert said(server.url) == ["yes"]
    with (
        serving(answer("nicht da".encode("utf-16-le"), "404 x")) as server,
        pytest.raises(UserError, match="404 x: nicht da"),
    ):
        said(server.url)
