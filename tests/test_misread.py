"""Classes that were taken for one another are noticed; guessing is not taken for that."""

import json

import numpy as np
import pytest
from test_reading_one_score import verify

from jaxverify import ExtraTask
from jaxverify.challenge import sample_ids
from jaxverify.record.record import new_record, save
from jaxverify.rendering import TextRendering
from jaxverify.verification.misread import misread

NAMES = ("a", "b", "c", "d")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("num_classes", [2, 3, 4, 10, 100])
@pytest.mark.parametrize("known", [0.9, 1.0])
def test_a_model_that_knows_the_task_in_another_order_is_noticed(num_classes, known):
    labels = RNG.integers(0, num_classes, 400)
    order = np.roll(np.arange(num_classes), 1)
    answers = np.where(RNG.random(400) < known, order[labels], RNG.integers(0, num_classes, 400))
    text = misread(answers, labels, num_classes)
    assert text is not None
    assert "In another one-to-one order" in text
    assert misread(labels, labels, num_classes) is None


def test_of_answers_given_without_the_labels_it_says_something_in_2_of_10_000_cases_at_most():
    said = 0
    for _ in range(10_000):
        c = int(RNG.integers(2, 6))
        answers, labels = RNG.choice(c, 60, p=RNG.dirichlet(np.ones(c))), RNG.integers(0, c, 60)
        said += misread(answers, labels, c) is not None
    assert said <= 9  # of 10,000 at 2 in 10,000 so many or fewer in all but 1 of 20,000


def test_missing_answers_say_nothing():
    assert misread(np.full(300, -1), RNG.integers(0, 4, 300), 4) is None
    labels = RNG.integers(0, 4, 300)
    answers = np.where(np.arange(300) < 200, -1, (labels + 1) % 4)
    assert "0 of 100 answers are right, where guessing gives 25" in str(misread(answers, labels, 4))


@pytest.fixture
def saved(tmp_path):
    task = ExtraTask("text", (80,), 4, 300, vocab_size=52, labels="balanced")
    record = new_record(task, TextRendering(tuple(f"w{i}" for i in range(50))), ("text",), NAMES)
    save(record, tmp_path / "record.json")
    return record, tmp_path / "record.json"


def test_a_verdict_on_misread_classes_is_no_fail_and_says_so(saved, tmp_path, capsys):
    record, path = saved
    labels, ids = np.asarray(record.samples().labels), sample_ids(record)
    answers, order = tmp_path / "answers.json", tmp_path / "order.json"
    answers.write_text(json.dumps(dict(zip(ids, ((labels + 1) % 4).tolist(), strict=True))))
    assert verify(path, answers, "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["outcome"] == "INCONCLUSIVE"
    assert "0 of 300 answers are right, where guessing gives 75" in facts["cautions"][-1]
    order.write_text(json.dumps(["d", "a", "b", "c"]))
    assert verify(path, answers, "--class-order", order, "--json") == 0
    capsys.readouterr()
    lazy = dict(zip(ids, RNG.integers(0, 4, 300).tolist(), strict=True))
    answers.write_text(json.dumps(lazy))
    assert verify(path, answers, "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["outcome"] == "FAIL"
    assert not [text for text in facts["cautions"] if "misread" in text]


def test_where_another_field_may_hold_the_answer_there_is_no_fail(saved, tmp_path, capsys):
    record, path = saved
    labels, ids = np.asarray(record.samples().labels), sample_ids(record)
    answers = tmp_path / "answers.json"
    asked = {  # a column of the question that bears a usual name, beside the answer in a sentence
        name: {"class": int(RNG.integers(0, 4)), "reply": f"It is {NAMES[label]} for me."}
        for name, label in zip(ids, labels, strict=True)
    }
    answers.write_text(json.dumps(asked))
    assert verify(path, answers, "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["outcome"], facts["unread"]) == ("INCONCLUSIVE", ["reply"])
    assert "other fields, such as reply, that were not read" in facts["cautions"][-1]
    assert verify(path, answers) == 1
    page = " ".join(capsys.readouterr().out.split())
    assert "another field may hold the answers; this is not a pass" in page
    assert verify(path, answers, "--output", "class", "--json") == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "FAIL"
