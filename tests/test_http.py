"""A model behind an endpoint: three protocols, one verdict, and no wrong one when it is down."""

import base64
import io
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from jaxverify import ExtraTask, UserError
from jaxverify.challenge import questions
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.http import Endpoint, EndpointError, ask
from jaxverify.record.record import load, new_record, save
from jaxverify.rendering import Column, ImageRendering, TextRendering, VectorRendering

NAMES = ("no", "yes", "maybe")
TASKS = {
    "text": (
        ExtraTask("text", (64,), 3, 90, vocab_size=52, labels="balanced"),
        TextRendering(tuple(f"w{i}" for i in range(50))),
        ("text",),
    ),
    "image": (
        ExtraTask("image", (8, 8, 3), 3, 90, labels="balanced"),
        ImageRendering("PNG", "RGB"),
        ("image",),
    ),
    "vector": (
        ExtraTask("vector", (12,), 3, 90, labels="balanced"),
        VectorRendering(tuple(Column(f"x{i}", "float64", 0.0, 1.0) for i in range(12))),
        tuple(f"x{i}" for i in range(12)),
    ),
    "whole": (
        ExtraTask("vector", (12,), 3, 90, labels="balanced"),
        VectorRendering(
            tuple(Column(f"x{i}", ("int64", "float32")[i % 2], 0, 99) for i in range(12))
        ),
        tuple(f"x{i}" for i in range(12)),
    ),
}


class Model:
    """Knows a share of the extra samples by heart, and says "no" to all others."""

    def __init__(self, record, share=1.0):
        samples = record.samples()
        rendered = record.rendering.render(np.asarray(samples.features))
        if isinstance(rendered, dict):
            rendered = list(zip(*rendered.values(), strict=True))
        pairs = zip(map(self.see, rendered), samples.labels.tolist(), strict=True)
        self.known = dict(list(pairs)[: round(share * len(samples.labels))])

    @staticmethod
    def see(value):
        if isinstance(value, bytes):  # as a model would: the pixels
            return Image.open(io.BytesIO(value)).tobytes()
        return tuple(np.round(value, 9)) if isinstance(value, tuple | list) else value

    def scores(self, value):
        label = self.known.get(self.see(value), 0)
        return [0.9 if i == label else 0.05 for i in range(3)]


def read(request, protocol):
    """The questions of a request, as each protocol has them."""
    if protocol == "v2":
        assert isinstance(request["id"], str)  # KServe fails without, as it answers with it
        tensors = request["inputs"]
        if len(tensors) == 1 and len(tensors[0]["shape"]) == 2:
            rows, width = tensors[0]["shape"]
            return [tuple(tensors[0]["data"][i * width : (i + 1) * width]) for i in range(rows)]
        columns = [tensor["data"] for tensor in tensors]
        assert all(tensor["shape"] == [len(tensor["data"])] for tensor in tensors)
        rows = [row if len(row) > 1 else row[0] for row in zip(*columns, strict=True)]
    elif protocol == "mlflow":
        rows = request["dataframe_split"]["data"]
        rows = [tuple(row) if len(row) > 1 else row[0] for row in rows]
    else:
        rows = [
            list(i.values()) if isinstance(i, dict) and "b64" not in i else i
            for i in request["instances"]
        ]
        rows = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in rows]
        rows = [tuple(row) if isinstance(row, list) else row for row in rows]
    return [unpack(row) for row in rows]


def unpack(row):
    if isinstance(row, dict):
        row = row["b64"]
    if isinstance(row, str) and len(row) > 80 and " " not in row:
        return base64.b64decode(row)
    return row


class Server:
    """An endpoint on the loopback that does, request after request, what it is told."""

    def __init__(self, model, protocol="v1", form="scores"):
        self.model, self.protocol, self.form = model, protocol, form
        self.faults, self.requests, self.asked, self.headers = [], 0, Counter(), []
        self.retry_after = "7"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/model"

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.headers.append(dict(handler.headers))
        fault = self.faults[self.requests] if self.requests < len(self.faults) else "ok"
        self.requests += 1
        rows = read(json.loads(body), self.protocol)
        content = json.dumps(self.response(rows, fault)).encode()
        status = fault if isinstance(fault, int) else 200
        if fault == "ok":
            self.asked.update(map(self.model.see, rows))
        if fault == "hang":
            threading.Event().wait(1.5)
        if fault == "die at once":
            handler.connection.close()
            return
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", self.url)
        if status == 429:
            handler.send_header("Retry-After", self.retry_after)
        if fault == "garbage":
            content = b"<html>busy</html>"
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        try:
            handler.wfile.write(content[: 5 if fault == "die in the middle" else None])
        except BrokenPipeError:
            return

    def response(self, rows, fault):
        scores = [self.model.scores(row) for row in rows]
        if fault == "nan":
            scores = [[float("nan")] * 3 for _ in rows]
        if fault == "wrong shape":
            scores = [row[:2] for row in scores]
        if fault == "too few":
            scores = scores[1:]
        if fault == "other json":
            return {"hello": 1}
        if self.protocol == "v2":
            flat = [value for row in scores for value in row]
            return {
                "outputs": [{"name": "y", "shape": [len(scores), len(scores[0])], "data": flat}]
            }
        if self.form == "flat":  # MLflow's flavour for ONNX
            return {"predictions": [{"scores": value} for row in scores for value in row]}
        if self.form == "labels":
            return {"predictions": [NAMES[int(np.argmax(row))] for row in scores]}
        if self.form == "objects":
            return {"predictions": [dict(zip(NAMES, row, strict=False)) for row in scores]}
        return {"predictions": scores}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def saved(tmp_path, kind="text"):
    task, rendering, columns = TASKS[kind]
    record = new_record(task, rendering, columns, NAMES)
    path = tmp_path / f"{kind}.json"
    if not path.exists():
        save(record, path)
    return load(path), path


def verify(path, server, *options):
    command = ["verify", str(path), "--url", server.url, "--protocol", server.protocol]
    return main([*command, *map(str, options)])


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize(
    ("protocol", "form", "options"),
    [
        ("v1", "scores", ()),
        ("v1", "labels", ("--named",)),
        ("v1", "objects", ()),
        ("v2", "scores", ()),
        ("v2", "scores", ("--named",)),
        ("mlflow", "labels", ()),
        ("mlflow", "flat", ()),
    ],
)
def test_all_ways_of_asking_give_one_verdict(kind, protocol, form, options, tmp_path, capsys):
    record, path = saved(tmp_path, kind)
    for share, status in ((1.0, 0), (0.0, 1)):
        with Server(Model(record, share), protocol, form) as server:
            assert verify(path, server, "--json", *options) == status
        facts = json.loads(capsys.readouterr().out)
        assert facts["num_correct"] == (90 if share else 30)
        assert facts["num_unknown"] == 0


@pytest.mark.parametrize(
    "fault", [500, 502, 503, 504, 429, "hang", "die at once", "die in the middle"]
)
def test_what_may_pass_is_tried_again_and_leads_to_the_same_verdict(fault, tmp_path, fast, capsys):
    record, path = saved(tmp_path)
    with Server(Model(record)) as server:
        server.faults = ["ok", fault, fault, "ok", fault]
        assert verify(path, server, "--json", "--timeout", 1) == 0
        assert json.loads(capsys.readouterr().out)["num_correct"] == 90
        assert set(server.asked.values()) == {1}
    if fault == 429:
        assert fast == [7, 7, 7]
    else:  # the first time at once
        assert [2 <= seconds <= 3 for seconds in fast] == [True]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        *((status, f"said {status}") for status in (400, 401, 404)),
        (302, "said 302 Found and redirects to the host 127.0.0.1"),
        ("garbage", "not JSON"),
        ("too few", "gave 31 predictions for 32 questions"),
        ("other json", "no list of predictions"),
    ],
)
def test_what_will_not_pass_is_an_error_at_once_and_no_verdict(fault, message, tmp_path, capsys):
    record, path = saved(tmp_path)
    with Server(Model(record)) as server:
        server.faults = [fault]
        assert verify(path, server) == 2
        assert server.requests == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(("protocol", "fault"), [("mlflow", "too few"), ("v1", "ok")])
def test_scores_in_a_row_are_answers_of_mlflow_alone_and_if_all(protocol, fault, tmp_path, capsys):
    record, path = saved(tmp_path)
    with Server(Model(record), protocol, "flat") as server:
        server.faults = [fault]
        assert verify(path, server) == 2
    assert f"gave {93 if fault == 'too few' else 96} predictions for 32" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["nan", "wrong shape"])
def test_answers_that_are_no_class_neither_pass_nor_fail_a_model(fault, tmp_path, capsys):
    record, path = saved(tmp_path)
    with Server(Model(record)) as server:
        server.faults = ["ok", fault, fault]
        assert verify(path, server, "--json") == 1
        facts = json.loads(capsys.readouterr().out)
        server.faults = [fault] * 9
        assert verify(path, server) == 2
    assert facts["num_unknown"] == 58
    assert facts["outcome"] == "INCONCLUSIVE"
    assert facts["not_understood"].startswith("[")
    assert "58 answers are no class and count as wrong, such as [" in facts["cautions"][-1]
    assert "no answer is one of the 3 classes: the model said [" in capsys.readouterr().err


def test_an_endpoint_that_stays_down_is_an_error_with_the_reason(tmp_path, fast, capsys):
    record, path = saved(tmp_path)
    with Server(Model(record)) as server:
        server.faults = [503] * 9
        assert verify(path, server, "--retries", 2) == 2
        assert server.requests == 3
    assert "was asked 3 times and said 503" in capsys.readouterr().err
    assert [2 <= seconds <= 3 for seconds in fast] == [True]  # the first time at once
    assert verify(path, server, "--retries", 0) == 2  # nobody listens any more
    assert "refused the connection" in capsys.readouterr().err


def test_after_a_failure_it_goes_on_without_asking_again(tmp_path, capsys):
    record, path = saved(tmp_path)
    cache = tmp_path / "answers.jsonl"
    with Server(Model(record)) as server:
        server.faults = ["ok", "ok", 401]
        assert verify(path, server, "--cache", cache) == 2
        assert sum(server.asked.values()) == 64
        with cache.open("a") as file:
            file.write('{"id": "cut of')  # as a crash leaves it
        assert verify(path, server, "--cache", cache, "--budget", 26, "--json") == 0
        assert set(server.asked.values()) == {1}
        assert sum(server.asked.values()) == 90
        facts = json.loads(capsys.readouterr().out)
        assert (facts["kept"]["number"], facts["kept"]["asked_again"]) == (64, 0)
        assert "None of these questions was asked again" in facts["cautions"][-1]
        before = server.requests
        assert verify(path, server, "--cache", cache, "--budget", 0, "--json") == 0
        assert server.requests == before
        capsys.readouterr()
        assert verify(path, server, "--cache", cache, "--json") == 0
        assert sum(server.asked.values()) == 90 + 20
        facts = json.loads(capsys.readouterr().out)
        assert (facts["kept"]["number"], facts["kept"]["differ"]) == (90, 0)
        assert "20 of these questions were asked again, and 0 answers differed" in " ".join(
            facts["cautions"]
        )
    with Server(Model(record, 0.0)) as other:
        assert verify(path, other, "--cache", cache) == 2
        assert "the answers of another model" in capsys.readouterr().err
        assert other.requests == 0


def test_a_budget_is_kept_and_told_before_anything_is_asked(tmp_path, capsys):
    record, path = saved(tmp_path)
    cache = tmp_path / "answers.jsonl"
    with Server(Model(record)) as server:
        assert verify(path, server, "--budget", 89) == 2
        assert server.requests == 0
        assert "90 questions are left, more than the budget of 89" in capsys.readouterr().err
        server.faults = ["ok", "ok", 401]
        assert verify(path, server, "--cache", cache) == 2
        assert verify(path, server, "--cache", cache, "--budget", 26) == 0


def test_the_password_comes_from_the_environment_and_shows_nowhere(
    tmp_path, monkeypatch, capsys, fast
):
    record, path = saved(tmp_path)
    monkeypatch.setenv("TOKEN_OF_TEST", "Bearer s3cret")
    with Server(Model(record)) as server:
        server.faults = [500, 401]
        page = tmp_path / "page.html"
        assert verify(path, server, "--auth-env", "TOKEN_OF_TEST") == 2
        cache = tmp_path / "c.jsonl"
        options = ("--auth-env", "TOKEN_OF_TEST", "--html", page, "--cache", cache)
        assert verify(path, server, *options) == 0
        assert all(header["Authorization"] == "Bearer s3cret" for header in server.headers)
        assert verify(path, server, "--auth-env", "NOT_SET_AT_ALL") == 2
    captured = capsys.readouterr()
    assert "NOT_SET_AT_ALL is not set" in captured.err
    endpoint = Endpoint(server.url, headers=(("Authorization", "Bearer s3cret"),))
    shown = captured.out + captured.err + page.read_text() + cache.read_text() + repr(endpoint)
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("model.example.org", "begins with http"),
        ("file:///etc/passwd", "begins with http"),
        ("https://me:s3cret@example.org/", "holds a password"),
        ("", "begins with http"),
    ],
)
def test_urls_that_cannot_be_asked_are_refused_without_being_shown(url, message):
    with pytest.raises(UserError, match=message) as error:
        Endpoint(url)
    assert "s3cret" not in str(error.value)


def test_a_server_that_talks_another_protocol_is_an_error(tmp_path):
    record, _ = saved(tmp_path)
    columns = questions(record)
    columns.pop("id")
    some = {name: values[:4] for name, values in columns.items()}
    with Server(Model(record)) as server:
        server.response = lambda rows, fault: {"outputs": [{"shape": [4, 3], "data": [1]}]}
        server.protocol = "v2"
        with pytest.raises(EndpointError, match="no outputs of the Open Inference Protocol"):
            ask(Endpoint(server.url, "v2"), some, Classes(NAMES))
