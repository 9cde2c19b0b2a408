"""Models that tell two classes apart by one number."""

import io
import json

import numpy as np
import pytest
import requests

from jaxverify import ExtraTask, UserError
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.http import Endpoint, ask
from jaxverify.predictors.outputs import rows_of
from jaxverify.predictors.reading import read, read_all
from jaxverify.record.record import new_record, save
from jaxverify.rendering import TextRendering

NAMES = ("no", "yes")
SIGMOID, LOGIT = Classes(NAMES, one_score=0.5), Classes(NAMES, one_score=0.0)


def indices(outputs, classes):
    return read(rows_of(outputs, classes), classes)


@pytest.fixture
def saved(tmp_path):
    task = ExtraTask("text", (80,), 2, 240, vocab_size=52, labels="balanced")
    words = TextRendering(tuple(f"w{i}" for i in range(50)))
    record = new_record(task, words, ("text",), NAMES)
    save(record, tmp_path / "record.json")
    return record, tmp_path / "record.json"


def probabilities(record):
    """What a model says that knows the extra task, of the class "yes"."""
    labels = np.asarray(record.samples().labels)
    scores = np.where(labels == 1, 0.83, 0.21)
    return dict(zip(sample_ids(record), scores.tolist(), strict=True))


def verify(path, answers, *options):
    return main(["verify", str(path), "--predictions", str(answers), *map(str, options)])


def test_above_the_threshold_it_is_the_second_class_and_else_the_first(saved, tmp_path, capsys):
    record, path = saved
    answers, logits = tmp_path / "answers.json", tmp_path / "logits.json"
    found = probabilities(record)
    answers.write_text(json.dumps(found))
    assert verify(path, answers, "--one-score", 0.5) == 0
    assert verify(path, answers, "--one-score", 0.9) == 1  # then all are the first class
    logits.write_text(json.dumps({name: score - 0.5 for name, score in found.items()}))
    capsys.readouterr()
    assert verify(path, logits, "--one-score", 0) == 0
    assert "240 of 240" in capsys.readouterr().out
    order = tmp_path / "order.json"
    order.write_text(json.dumps(["yes", "no"]))
    assert verify(path, answers, "--one-score", 0.5, "--class-order", order) == 1
    capsys.readouterr()
    assert verify(path, answers) == 2
    assert "say so with --one-score" in " ".join(capsys.readouterr().err.split())


def test_wherever_the_score_stands_it_is_read():
    assert read([0.83, "0.83", "0.2", 1, 0.5], SIGMOID) == [1, 1, 0, 1, 0]
    assert read([True, False, "True", "false"], SIGMOID) == [1, 0, 1, 0]
    assert read([[0.83], [0.2], [0.2, 0.8], [], [float("nan")]], SIGMOID) == [1, 0, -1, -1, -1]
    for shape in ((3,), (3, 1)):
        assert indices({"y": np.array([90, -90, 3], np.int8).reshape(shape)}, LOGIT) == [1, 0, 1]
        output = np.array([0.83, 0.2, np.nan], np.float32).reshape(shape)
        assert indices({"features": np.zeros((3, 8)), "y": output}, SIGMOID) == [1, 0, -1]
    # Names that are numbers, which a probability of 1.0 must not be taken for.
    assert read([1.0], Classes(("1", "2"), one_score=0.5)) == [1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,label\na,0.83\nb,0.2\nc,\n"),
        ("a.csv", "id,probabilities\na,0.83\nb,0.2\nc,\n"),
        ("a.jsonl", '{"id": "a", "scores": [0.83]}\n{"id": "b", "scores": [0.2]}\n{"id": "c"}\n'),
    ],
)
def test_it_is_read_from_every_kind_of_file(name, content, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    assert read_all(read_answers(path), SIGMOID) == {"a": 1, "b": 0, "c": -1}


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("v1", {"predictions": [[0.83], [0.2]]}),
        ("v1", {"predictions": [0.83, 0.2]}),
        ("v1", {"predictions": [{"scores": [0.83]}, {"scores": [0.2]}]}),
        ("v2", {"outputs": [{"shape": [2, 1], "data": [0.83, 0.2]}]}),
        ("v2", {"outputs": [{"shape": [2, 1], "data": [[0.83], [0.2]]}]}),
        ("mlflow", {"predictions": [[0.83], [0.2]]}),
        ("mlflow", {"predictions": [{"0": 0.83}, {"0": 0.2}]}),
    ],
)
def test_it_is_read_from_every_kind_of_endpoint(protocol, said, monkeypatch):
    response, session = requests.Response(), requests.Session()
    response.status_code, response.raw = 200, io.BytesIO(json.dumps(said).encode())
    monkeypatch.setattr(session, "post", lambda *_, **__: response)
    endpoint = Endpoint("http://localhost/", protocol)
    said = ask(endpoint, {"text": ["a", "b"]}, SIGMOID, session=session)
    assert read(said, SIGMOID) == [1, 0]


def test_what_is_no_one_score_is_an_error_that_says_so(saved, tmp_path, capsys):
    for output in (np.zeros((3, 2)), np.array(["no"]), ["no"]):
        with pytest.raises(UserError, match=r"gives y: .*: not one score for each question"):
            indices({"y": output}, SIGMOID)
    with pytest.raises(UserError, match="--one-score reads one score"):
        indices({"y": np.full((3, 1), 0.3)}, Classes(NAMES))
    with pytest.raises(UserError, match="two classes apart, and not 3"):
        Classes(("a", "b", "c"), one_score=0.5)
    record, path = saved
    (tmp_path / "answers.json").write_text(json.dumps(probabilities(record)))
    assert verify(path, tmp_path / "answers.json", "--one-score", "nan") == 2
    assert "the threshold of the one score is nan" in capsys.readouterr().err
    assert main(["verify", str(path), "--run", str(tmp_path), "--one-score", "0.5"]) == 2
    assert "give a score for each class" in capsys.readouterr().err


def test_answers_kept_are_read_in_another_way_without_a_new_question(saved, tmp_path, capsys):
    record, path = saved
    answers, cache = tmp_path / "answers.json", tmp_path / "cache.jsonl"
    answers.write_text(json.dumps(probabilities(record)))
    assert verify(path, answers, "--cache", cache) == 2
    kept = cache.read_text()
    assert kept.count("\n") == 241
    assert verify(path, answers, "--cache", cache, "--one-score", 0.5) == 0
    assert cache.read_text() == kept
