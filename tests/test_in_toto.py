"""Statements for pipelines: what they say, and what they are about."""

import hashlib
import json
from argparse import Namespace
from pathlib import Path

import pytest
from test_ledger import answer, make_record, verify

from jaxverify import UserError
from jaxverify.cli import main, sources
from jaxverify.cli.subject import subject
from jaxverify.predictors.answers import Classes
from jaxverify.report.in_toto import statement

CLASSES = Classes(("no", "yes"))


@pytest.fixture
def saved(tmp_path):
    return make_record(tmp_path)


@pytest.mark.parametrize(
    ("share", "result", "list_name"), [(0.9, "PASSED", "passedTests"), (0, "FAILED", "failedTests")]
)
def test_the_statement_is_of_in_totos_form(share, result, list_name, saved, tmp_path):
    record, path = saved
    answers, out = answer(record, tmp_path / "a.json", share), tmp_path / "s.json"
    verify(path, answers, "--in-toto", out)
    value = json.loads(out.read_text())
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert value["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    digest = hashlib.sha256(answers.read_bytes()).hexdigest()
    assert value["subject"] == [{"name": "a.json", "digest": {"sha256": digest}}]
    predicate = value["predicate"]
    assert predicate["annotations"]["model"].startswith("not identified: the subject is the file")
    assert [each["name"] for each in predicate["configuration"]] == ["jaxverify record"]
    assert predicate["result"] == result
    assert predicate["configuration"][0]["digest"]["sha256"] == record.commitment()
    filled = {name for name in ("passedTests", "warnedTests", "failedTests") if predicate[name]}
    assert filled == {list_name}
    assert record.secret.hex() not in out.read_text()


def test_a_statement_is_about_a_file(saved, tmp_path, capsys):
    _, path = saved
    command = ["verify", str(path), "--url", "http://127.0.0.1:1/", "--in-toto", "s.json"]
    assert main(command) == 2
    assert "is about a file" in capsys.readouterr().err


def test_the_annotations_say_whether_the_subject_is_the_model(saved, tmp_path, capsys):
    record, path = saved
    answers, out = answer(record, tmp_path / "a.json", 0.9), tmp_path / "s.json"
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    assert verify(path, answers, "--in-toto", out, "--model", model) == 0
    value = json.loads(out.read_text())
    digests = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (model, answers)
    }
    assert value["subject"] == [{"name": "model.bin", "digest": {"sha256": digests["model.bin"]}}]
    predicate = value["predicate"]
    assert predicate["configuration"][1:] == [
        {"name": "answers a.json", "digest": {"sha256": digests["a.json"]}}
    ]
    assert "was not checked" in predicate["annotations"]["model"]
    assert predicate["annotations"]["answers"] == "a.json"

    asked = Namespace(in_toto=out, model=None, onnx=model, torch=None)
    source = sources.Source(lambda *_: [], CLASSES, "model.bin", digests["model.bin"], "model")
    about = subject(asked, source)
    facts = predicate["annotations"]
    of_asked = statement(facts, subject=about, commitment="0")
    assert of_asked["subject"] == value["subject"]
    assert of_asked["predicate"]["annotations"]["model"] == "the subject, which was asked"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_toto": None}, "--model names what --in-toto is about: give both"),
        ({"onnx": Path("m.onnx")}, "of answers from elsewhere: leave it out"),
        ({"model": Path("nowhere.bin")}, "nowhere.bin cannot be read: No such file"),
    ],
)
def test_a_model_that_says_nothing_is_refused(changes, message, tmp_path):
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    options = {"in_toto": tmp_path / "s.json", "model": model, "onnx": None, "torch": None}
    source = sources.Source(lambda *_: [], CLASSES, "a.json", "0" * 64, "answers")
    with pytest.raises(UserError, match=message):
        subject(Namespace(**{**options, **changes}), source)
