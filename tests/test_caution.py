"""What is said of an extra task whose verdict is less than it seems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_verification import KEY, shown

from jaxverify import ExtraTask, UserError, cautions, generate, stats, verify


def text(**changes) -> ExtraTask:
    whole = {"num_classes": 2, "num_samples": 3000, "labels": "balanced", "generator": "zipf"}
    return ExtraTask("text", (256,), vocab_size=10_000, **{**whole, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"labels": "iid"}, ["one answer to all extra samples"]),
        ({"generator": "uniform"}, ["memorise them at sight"]),
        ({"num_samples": 200}, ["only if it has memorised 28%", "N = 2,6"]),
        ({"num_samples": 200, "num_classes": 40}, []),
    ],
)
def test_each_weakness_is_named_and_nothing_else(changes, said):
    found = cautions(text(**changes))
    assert len(found) == min(len(said), 1)
    assert all(part in sentence for sentence in found for part in said)


@given(st.integers(50, 5000), st.integers(2, 200), st.floats(0, 0.5))
def test_a_strong_task_of_balanced_labels_calls_for_no_caution(num_samples, num_classes, epsilon):
    task = text(num_samples=num_samples, num_classes=num_classes)
    share = stats.detectable_share(num_samples, num_classes, epsilon=epsilon)
    assert (cautions(task, epsilon=epsilon) == ()) == (share <= 0.2)


def test_the_size_that_is_named_is_enough():
    (sentence,) = cautions(text(num_samples=200))
    better = int(sentence.split("N = ")[2].split(" ")[0].replace(",", ""))
    assert cautions(text(num_samples=better)) == ()
    assert stats.power(0.1, better, 2) >= 0.9 > stats.power(0.1, better - 1, 2)


def test_the_verdict_carries_them_to_json_and_to_the_page():
    task = text(num_samples=200)
    labels = generate(KEY, task).labels
    verdict = verify(predict=lambda features: labels, key=KEY, task=task)
    assert verdict.to_dict()["cautions"] == list(cautions(task))
    assert "a converged one may not pass" in " ".join(shown(verdict).split())


def test_a_level_that_is_none_is_refused():
    with pytest.raises(UserError, match="alpha is 2"):
        cautions(text(), alpha=2.0)
