"""Responses of endpoints in columns and in several outputs, and what cannot be asked."""

import io
import json

import numpy as np
import pytest
import requests
from test_http import Model, Server, saved, verify

from jaxverify import UserError
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.http import Endpoint, EndpointError, ask
from jaxverify.predictors.reading import read

NAMES = ("no", "yes", "maybe")
ROWS = [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]


def answered(said, protocol="v1", count=3, **options):
    """What is read of an endpoint that says this to ``count`` questions."""
    response, session = requests.Response(), requests.Session()
    response.status_code, response.raw = 200, io.BytesIO(json.dumps(said).encode())
    session.post = lambda *_, **__: response
    classes = Classes(NAMES, **options)
    endpoint = Endpoint("http://localhost/", protocol)
    columns = {"text": ["a"] * count}
    return read(ask(endpoint, columns, classes, session=session), classes)


@pytest.mark.parametrize(
    "predictions",
    [
        {"label": ["maybe", "no", "yes"], "scores": ROWS[::-1]},
        {"label": ["maybe", "no", "yes"], "score": [0.7, 0.6, 0.5]},
        {"scores": ROWS, "latency": [1.5, 0.2, 3.1]},
    ],
)
def test_columns_are_cut_into_answers_and_classes_go_to_every_one(predictions):
    assert answered({"predictions": predictions}) == [2, 0, 1]


def test_the_names_of_all_classes_are_no_answers_of_as_many_questions():
    predictions = {"classes": list(NAMES), "scores": ROWS[:2]}
    assert answered({"predictions": predictions}, count=2) == [2, 0]
    predictions = {"classes": list(NAMES), "probs": ROWS}
    with pytest.raises(UserError, match="choose another --batch-size"):
        answered({"predictions": predictions})
    with pytest.raises(EndpointError, match="gave 2 predictions for 3 questions"):
        answered({"predictions": {"a": [1, 2], "b": [1, 2, 3]}})


FLAT = [value for row in ROWS for value in row]


@pytest.mark.parametrize(
    "outputs",
    [
        [
            {"name": "confidence", "shape": [3], "datatype": "FP32", "data": [0.7, 0.6, 0.5]},
            {"name": "y", "shape": [3], "datatype": "BYTES", "data": ["maybe", "no", "yes"]},
        ],
        [
            {"name": "p", "shape": [3, 3], "datatype": "FP32", "data": FLAT[::-1]},
            {"name": "label", "shape": [3, 1], "datatype": "INT64", "data": [2, 0, 1]},
        ],
        [{"name": "p", "shape": [3, 3], "datatype": "FP32", "data": ROWS}],
        [{"name": "y", "shape": [3], "datatype": "FP32", "data": [2.0, 0.0, 1.0]}],
    ],
)
def test_of_several_outputs_the_label_is_the_answer(outputs):
    assert answered({"outputs": outputs}, "v2") == [2, 0, 1]


def test_two_outputs_of_scores_are_an_error_and_one_can_be_named():
    outputs = [
        {"name": "features", "shape": [3, 3], "datatype": "FP32", "data": FLAT[::-1]},
        {"name": "logits", "shape": [3, 3], "datatype": "FP32", "data": FLAT},
    ]
    with pytest.raises(UserError, match="features and logits may each be the answer"):
        answered({"outputs": outputs}, "v2")
    assert answered({"outputs": outputs}, "v2", output="logits") == [2, 0, 1]


@pytest.mark.parametrize(
    "output",
    [
        {"shape": [float("inf")], "data": [1]},
        {"shape": [3], "data": [10**400] * 3},
        {"shape": [2, 2], "data": [1, 2, 3]},
        {"shape": "x", "data": []},
        {"shape": [200_000_000, 0], "data": []},
        {"shape": [3, 200_000_000, 0], "data": []},
        {"shape": [200_000_000], "data": []},
        {"shape": [3, 10**30], "data": [1, 2, 3]},
        {"shape": [-3], "data": [1, 2, 3]},
        {"shape": [3, -1], "data": [1, 2, 3]},
        {"shape": [3.0], "data": [1, 2, 3]},
        {"shape": [True, 3], "data": [1, 2, 3]},
        {"shape": [None], "data": [1, 2, 3]},
        {"shape": [], "data": 1},
        {"shape": [3], "data": "abc"},
        {"shape": [3], "data": {"0": 1}},
        {"shape": [3]},
        {"data": [1, 2, 3]},
        3,
    ],
)
def test_outputs_that_are_none_are_an_error(output):
    with pytest.raises(UserError):
        answered({"outputs": [output]}, "v2")


def test_a_long_text_beside_short_ones_takes_no_more_room_than_it_has():
    data = ["x" * 1_000_000, *["yes"] * 1999]
    output = {"shape": [2000], "data": data}  # as an array of texts of one length: 8 GB
    assert answered({"outputs": [output]}, "v2", count=2000)[1:] == [1] * 1999


def test_an_output_of_another_number_of_rows_is_told_and_another_can_be_named():
    outputs = [
        {"name": "latency", "shape": [1], "datatype": "FP32", "data": [0.5]},
        {"name": "y", "shape": [3], "datatype": "BYTES", "data": ["maybe", "no", "yes"]},
    ]
    with pytest.raises(EndpointError, match="gave 1 predictions for 3 questions as 'latency'"):
        answered({"outputs": outputs}, "v2")
    assert answered({"outputs": outputs}, "v2", output="y") == [2, 0, 1]


@pytest.mark.parametrize("batch_size", [1, 32])
def test_a_sequential_test_does_not_fail_classes_that_are_misread(batch_size, tmp_path, capsys):
    record, path = saved(tmp_path)
    model = Model(record)
    right = model.scores
    model.scores = lambda value: np.roll(right(value), 1).tolist()
    with Server(model) as server:
        options = ("--test", "sequential", "--batch-size", batch_size, "--json")
        assert verify(path, server, *options) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["outcome"] == "INCONCLUSIVE"
    assert facts["misread"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--timeout", "0"), "timeout is 0.0"),
        (("--timeout", "nan"), "timeout is nan"),
        (("--retries", "-1"), "retries is -1"),
        (("--cache", "nowhere/at/all.jsonl"), "nowhere/at/all.jsonl cannot be written"),
        (("--url", "http://[::1"), "the url is not one"),
        (("--wait", "-1"), "wait is -1.0"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(options, message, tmp_path, capsys):
    _, path = saved(tmp_path)
    url = () if "--url" in options else ("--url", "http://127.0.0.1:1/")
    assert main(["verify", str(path), *url, *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
