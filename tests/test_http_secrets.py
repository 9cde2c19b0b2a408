"""What a server says of a token or of the url's query reaches nobody."""

import base64
import html
import json
import os
import re
from urllib.parse import quote, quote_plus

import pytest
from loopback import answer, serving
from test_http import NAMES, Model, Server, saved, verify

from jaxverify import UserError
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.endpoint import Endpoint, EndpointError
from jaxverify.predictors.http import ask
from jaxverify.predictors.redaction import Redaction

TOKEN = 't0k+n/"s<3>&=='
BEARER = (("Authorization", f"Bearer {TOKEN}"),)
SPELLINGS = [
    TOKEN,
    f"Bearer {TOKEN}",
    TOKEN.upper(),
    quote(TOKEN),
    quote(TOKEN, safe="").lower(),
    quote_plus(f"Bearer {TOKEN}"),
    quote(quote(TOKEN)),
    base64.b64encode(TOKEN.encode()).decode(),
    base64.urlsafe_b64encode(f"a {TOKEN} b".encode()).decode(),
    quote(base64.b64encode(TOKEN.encode()).decode(), safe=""),
    html.escape(TOKEN),
    html.escape(TOKEN, quote=False),
    "".join(f"&#x{ord(each):X};" for each in TOKEN),
    json.dumps(TOKEN),
    json.dumps(json.dumps(TOKEN)).replace("/", "\\/"),
    "".join(f"\\u{ord(each):04x}" for each in TOKEN),
    repr(TOKEN.encode()),
]


def said(endpoint, count=1):
    return ask(endpoint, {"text": ["a"] * count}, Classes(NAMES))


def holds(text, secret=TOKEN):
    """Whether a text tells a secret to somebody who undoes what escapes there are."""
    folded = text.lower()
    return secret.lower() in folded or any(each.lower() in folded for each in SPELLINGS)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_token_is_hidden_in_every_spelling(spelling):
    redaction = Redaction(Endpoint("http://host/", headers=BEARER))
    hidden = redaction.text(f"before {spelling} after")
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert "***" in hidden
    assert not holds(hidden)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_answer_and_no_error_holds_a_token_that_the_server_repeats(spelling):
    echo = json.dumps({"predictions": [{"label": "yes", spelling: ["no", {"x": spelling}]}]})
    reason = f"401 no {spelling}".replace("\n", " ")
    replies = (answer(echo.encode()), answer(f"no {spelling}".encode(), reason))
    with serving(*replies) as server:
        endpoint = Endpoint(server.url, headers=BEARER)
        (found,) = said(endpoint)
        with pytest.raises(EndpointError) as error:
            said(endpoint)
        assert f"Authorization: Bearer {TOKEN}" in server.heads[0]
    assert found["label"] == "yes"
    assert "***" in json.dumps(found)
    assert not holds(json.dumps(found, ensure_ascii=False))
    assert not holds(json.dumps(found))
    assert str(error.value).count("***") >= 2
    assert not holds(str(error.value))
    assert error.value.__context__ is None
    assert error.value.__cause__ is None


def test_the_user_and_the_password_of_basic_are_hidden_and_short_ones_as_words():
    basic = base64.b64encode(b"someone:pw1").decode()
    redaction = Redaction(Endpoint("http://host/", headers=(("Authorization", f"Basic {basic}"),)))
    assert redaction.text("someone with pw1: unpw12") == "*** with ***: unpw12"
    assert redaction.text(f"{basic} someone:pw1") == "*** ***"
    assert redaction.text("Authorization: Token abc, Basic=") == "Authorization: Token abc, Basic="


QUERY = "?code=s3cr%2Ft+key&api-version=2024&X-Amz-Signature=0a1b2c3d4e&flag&s3cret-word#top-s3cret"
SHOWN = "?code=***&api-version=***&X-Amz-Signature=***&***&***"


def test_the_values_of_a_query_are_shown_nowhere(tmp_path, capsys):
    record, path = saved(tmp_path)
    page, cache = tmp_path / "page.html", tmp_path / "cache.jsonl"
    with Server(Model(record)) as server:
        url = server.url
        server.url += QUERY
        assert verify(path, server, "--html", page, "--cache", cache) == 0
        server.faults = [401] * 9
        server.url = f"{url}{QUERY.replace('0a1b2c3d4e', 'another')}"
        assert verify(path, server, "--cache", cache) == 2  # as another query is another model
        assert "the answers of another model" in capsys.readouterr().err
        assert verify(path, server) == 2
        shown = capsys.readouterr().err
    assert f"{url}{SHOWN} said 401" in shown
    ledger = path.with_name(f"{path.name}.ledger").read_text()
    assert f"{url}{SHOWN}" in ledger
    for text in (shown, ledger, cache.read_text(), page.read_text(), repr(Endpoint(url + QUERY))):
        for secret in ("s3cr", "2024", "0a1b2c3d4e", "flag", "top"):
            assert not re.search(f"[=&]{secret}|{secret}-", text)


def test_values_of_six_characters_are_hidden_in_answers_but_no_word_that_answers_are_made_of():
    url = "http://host/?a=maybe-not&b=positive&c=predictions&d=2.1&e=123456"
    redaction = Redaction(Endpoint(url), ("positive", "predictions"))
    value = {"predictions": ["positive", "maybe-not", "positively 2.1", 123456, 2.1, "so 123456"]}
    assert redaction.value(value) == {
        "predictions": ["positive", "***", "***ly 2.1", "***", 2.1, "so ***"]
    }


def test_answers_that_were_kept_of_a_url_without_a_query_stay_valid(tmp_path):
    record, path = saved(tmp_path)
    cache = tmp_path / "cache.jsonl"
    with Server(Model(record)) as server:
        about = f"{server.url}, v1, record {record.commitment()}"
        cache.write_text(json.dumps({"about": about}) + "\n")
        assert verify(path, server, "--cache", cache) == 0


def test_no_password_of_netrc_is_sent(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password of-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    reply = answer(b'{"predictions": ["yes"]}')
    away = answer(b"", "302 Found", "Location: http://127.0.0.1/elsewhere")
    read = []
    monkeypatch.setattr("netrc.netrc", lambda path: read.append(path))
    with serving(reply, reply, away) as server:
        said(Endpoint(server.url))
        said(Endpoint(server.url, headers=BEARER))
        with pytest.raises(EndpointError, match="redirects"):
            said(Endpoint(server.url))
    assert ["uthorization" in head for head in server.heads] == [False, True, False]
    assert f"Bearer {TOKEN}" in server.heads[1]
    assert read == []


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    with serving(answer(b'{"predictions": ["yes"]}')) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert said(Endpoint("http://model.invalid/score")) == ["yes"]
    assert proxy.heads[0].startswith("POST http://model.invalid/score ")


@pytest.mark.parametrize("name", ["Location", "Retry-After"])
def test_the_host_of_a_redirect_is_shown_without_the_rest_and_without_a_token(name):
    where = f"http://me:pw@s3cretToken.Example.org:99/path?{TOKEN}"
    with serving(answer(b"x", "307 Moved", f"{name}: {where}")) as server:
        endpoint = Endpoint(server.url, headers=(("Authorization", "Bearer S3cretToken"),))
        with pytest.raises(EndpointError) as error:
            said(endpoint)
    host = "***.example.org" if name == "Location" else "127.0.0.1"
    assert str(error.value) == (
        f"{server.url} said 307 Moved and redirects to the host {host}: name that url, if you "
        "trust it"
    )


@pytest.mark.parametrize(
    "value",
    ["", " ", "Bearer a\nb", "Bearer s3cret\n", "s3cret\r", "s3c\0ret", "s3cr\u20act", "\udcff"],
)
def test_a_header_that_cannot_be_sent_is_an_error_that_does_not_show_it(
    value, tmp_path, monkeypatch, capsys
):
    _, path = saved(tmp_path)
    monkeypatch.setattr("os.environ", {**os.environ, "TOKEN_OF_TEST": value})
    command = ["verify", str(path), "--url", "http://127.0.0.1:1/", "--auth-env", "TOKEN_OF_TEST"]
    assert main(command) == 2
    shown = capsys.readouterr().err
    assert "the header Authorization cannot be sent" in shown
    assert "s3c" not in shown


def test_a_token_instead_of_the_name_of_a_variable_is_not_shown(tmp_path, capsys):
    _, path = saved(tmp_path)
    command = ["verify", str(path), "--url", "http://127.0.0.1:1/", "--auth-env", "Bearer s3cret"]
    assert main(command) == 2
    assert "s3cret" not in capsys.readouterr().err


def test_control_characters_of_a_server_do_not_reach_the_terminal(tmp_path, capsys):
    _, path = saved(tmp_path)
    reply = answer(
        "no\x1b[2J\u202e\x9b1m \ud83d ü".encode(errors="surrogatepass"), "403 \x1b]0;x\x07"
    )
    with serving(reply) as server:
        assert main(["verify", str(path), "--url", server.url]) == 2
    shown = capsys.readouterr().err.strip()
    assert "said 403 \\x1b]0;x\\x07: no\\x1b[2J\\u202e\\x9b1m" in shown
    assert shown.isprintable()
    assert shown.endswith("ü")
    outputs = {"outputs": [{"name": "a\x1b[2J", "shape": [1, 9], "data": [0.5] * 9}]}
    with serving(answer(json.dumps(outputs).encode())) as server, pytest.raises(UserError) as error:
        said(Endpoint(server.url, "v2"))
    assert "a\\x1b[2J" in str(error.value)
    assert str(error.value).isprintable()
