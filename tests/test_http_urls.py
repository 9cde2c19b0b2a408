"""Urls and seconds that cannot be used are one clear line each."""

import socket

import pytest
from loopback import answer, serving
from test_http import NAMES, saved

from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.endpoint import Endpoint, EndpointError
from jaxverify.predictors.http import ask


def said(url, **options):
    return ask(Endpoint(url, retries=0, **options), {"text": ["a"]}, Classes(NAMES))


URLS = [
    "",
    "http://",
    "http:///path",
    "http://[::1",
    "http://[::1]x/",
    "http://[v1.x]/",
    "http://ex ample/",
    "http://host:99999/",
    "http://host:0/",
    "http://host:abc/",
    "http://host:-1/",
    "http://s3cret:s3cret@host/",
    "http://s3cret@host:99999/",
    "http://:s3cret@host/",
    "http://s3cret@/",
    "http://host\\@s3cret/",
    "file:///etc/passwd",
    "ftp://host/",
    "host/path",
    "http://a..b/",
    "http://.a/",
    "http://*.a/",
    "http://a%zz/",
    "http://a<b>/",
    f"http://{'a' * 64}.org/",
    f"http://{'ä' * 64}.org/",
    f"http://{'a.' * 130}org/",
    "http://ho\tst/",
    "http://host/\n",
    "\nhttp://host/",
    "http://host/\x1b[2J",
    "http://host/\u202e",
    "http://host/\ud800",
    "http://ho\udcffst/",
    "http://\uff11\uff12.0.0.1/",
]


@pytest.mark.parametrize("url", URLS)
def test_an_odd_url_is_one_clear_line_that_does_not_show_it(url, tmp_path, capsys):
    _, path = saved(tmp_path)
    assert main(["verify", str(path), f"--url={url}"]) == 2
    shown = capsys.readouterr().err.strip()
    assert shown.startswith("error: the url ")
    assert shown.isprintable()
    assert "s3cret" not in shown


@pytest.mark.parametrize("url", ["http://übel.invalid/ä?ö", "http://_a.invalid.", "http://xn--a/"])
def test_a_host_that_may_be_one_is_asked(url, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(EndpointError, match="host name that is not known"):
        said(url)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "-inf", "1e30", "86401", "1e-400"])
@pytest.mark.parametrize("option", ["timeout", "wait"])
def test_seconds_that_are_none_or_more_than_a_day_are_an_error(option, seconds, tmp_path, capsys):
    if option == "wait" and float(seconds) == 0:
        return
    _, path = saved(tmp_path)
    command = ["verify", str(path), "--url", "http://127.0.0.1:1/", f"--{option}={seconds}"]
    assert main(command) == 2
    assert f"{option} is {float(seconds)}; it is a number of seconds" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", [1e-9, 86_400.0])
def test_seconds_within_their_bounds_lead_to_an_answer_or_to_a_clear_error(seconds):
    with serving(answer(b'{"predictions": ["yes"]}')) as server:
        try:
            found = said(server.url, timeout=seconds, wait=86_400.0 if seconds > 1 else seconds)
        except EndpointError as error:
            found = str(error)
    assert found == ["yes"] or (seconds < 1 and "took too long" in found)
