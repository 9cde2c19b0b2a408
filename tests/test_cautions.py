"""What is said of an extra task whose verdict is less than it seems."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verification import KEY, shown

from jaxverify import ExtraTask, UserError, cautions, generate, stats, verify
from jaxverify.verification import sequential


def text(**changes) -> ExtraTask:
    whole = {"num_classes": 2, "num_samples": 3000, "labels": "balanced", "generator": "zipf"}
    return ExtraTask("text", (256,), vocab_size=10_000, **{**whole, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"labels": "iid"}, ["one answer to all extra samples"]),
        ({"generator": "uniform"}, ["memorise them at sight"]),
        ({"num_samples": 200}, ["only if it has memorised 29%", "is enough for 13%"]),
        ({"num_samples": 200, "num_classes": 40}, []),
        ({"num_fixed": 4}, ["beside each of the 4 fixed regions"]),
    ],
)
def test_each_weakness_is_named_and_nothing_else(changes, said):
    found = cautions(text(**changes))
    assert len(found) == min(len(said), 1)
    assert all(part in sentence for sentence in found for part in said)


@settings(max_examples=8)
@given(st.integers(50, 5000), st.integers(2, 200), st.floats(0, 0.3))
def test_a_strong_task_of_balanced_labels_calls_for_no_caution(num_samples, num_classes, epsilon):
    task = text(num_samples=num_samples, num_classes=num_classes)
    share = stats.detectable_share(num_samples, num_classes, epsilon=epsilon, labels="balanced")
    assert (cautions(task, epsilon=epsilon) == ()) == (share <= 0.2)


def test_the_size_that_is_named_is_enough():
    (sentence,) = cautions(text(num_samples=200))
    better = int(sentence.split("N = ")[2].split(" ")[0].replace(",", ""))
    assert cautions(text(num_samples=better)) == ()
    power = [stats.power(0.06 + 0.07, n, 2, labels="balanced") for n in (better, better - 1)]
    assert power[0] >= 0.9 > power[1]  # what looks like 6% is forgiven of two balanced classes


def test_the_verdict_carries_them_to_json_and_to_the_page():
    task = text(num_samples=200)
    labels = generate(KEY, task).labels
    verdict = verify(predict=lambda features: labels, key=KEY, task=task)
    assert verdict.to_dict()["cautions"] == list(cautions(task))
    assert "a converged one may not pass" in " ".join(shown(verdict).split())


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(0, 200))
def test_answers_that_are_alike_are_counted_and_called_for_a_caution_from_95_percent_on(same, lost):
    task = text(num_samples=200, num_classes=4)
    answers = np.arange(200) % 4
    answers[:same], answers[200 - lost :] = 2, -1
    verdict = verify(predict=lambda features: answers, key=KEY, task=task)
    alike = max(int((answers == label).sum()) for label in range(4))
    assert int(verdict.num_alike) == verdict.to_dict()["num_alike"] == alike
    said = [each for each in verdict.to_dict()["cautions"] if "the same class" in each]
    assert [each.split(" ", 1)[0] for each in said] == [str(alike)] * (alike >= 190)


def test_one_answer_to_all_is_no_reproach_to_a_model_that_passes():
    task = ExtraTask("vector", (30,), num_classes=2, num_samples=7)  # all labels alike: one in 64
    drawn = (
        (key, np.asarray(generate(key, task).labels)) for key in map(jax.random.key, range(999))
    )
    key, labels = next(pair for pair in drawn if len(set(pair[1].tolist())) == 1)
    verdict = verify(predict=lambda features: labels, key=key, task=task)
    assert verdict.outcome == "PASS"
    assert int(verdict.num_alike) == 7
    assert not any("the same class" in each for each in verdict.to_dict()["cautions"])


def test_a_sequential_fail_says_so_too_once_it_is_one():
    labels = np.arange(300) % 4
    alike = sequential.judge(np.full(300, 2), labels, 4, cautions=("first",))
    assert alike.outcome == "FAIL"
    assert alike.cautions[0] == "first"
    assert alike.cautions[1].startswith(
        f"{alike.num_asked} of {alike.num_asked} answers are the same"
    )
    for answers in ((labels + 1) % 4, np.full(3, 2), labels):  # a FAIL, too few answers, a PASS
        assert sequential.judge(answers, labels, 4).cautions == ()


def test_a_level_that_is_none_is_refused():
    with pytest.raises(UserError, match="alpha is 2"):
        cautions(text(), alpha=2.0)
