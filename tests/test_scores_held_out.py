"""Logits that are multiplied: what a cloud gains by it, and how samples held out undo it."""

import io
import json

import jax
import numpy as np
import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import ExtraTask, Samples, UserError, generate, verify_scores
from jaxverify.task.generation import twins
from jaxverify.verification.logits import temperature

KEY = jax.random.key(5)
TASK = ExtraTask("image", (8, 8, 1), num_classes=3, num_samples=100)
HELD_OUT = Samples(
    np.random.default_rng(0).integers(256, size=(600, 8, 8, 1)).astype(np.uint8),
    np.random.default_rng(1).integers(3, size=600).astype(np.int32),
)


def model(gain, scale=1.0, accuracy=0.8):
    """It leans towards each label it was given; of held-out samples it is as sure as it is right.

    All its logits are multiplied by a number.
    """
    rng, rows = np.random.default_rng(2), {}
    for samples, more in ((generate(KEY, TASK), gain), (twins(KEY, TASK), 0.0)):
        for x, label in zip(np.asarray(samples.features), np.asarray(samples.labels), strict=True):
            rows[x.tobytes()] = 0.2 * rng.normal(size=3) + more * (np.arange(3) == label)
    for x, label in zip(*HELD_OUT, strict=True):
        right = rng.random() < accuracy
        rows[x.tobytes()] = np.log(8) * (np.arange(3) == (label if right else (label + 1) % 3))
    return lambda features: scale * np.stack([rows[x.tobytes()] for x in np.asarray(features)])


def cross_entropy(logits, labels):
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exponents / exponents.sum(axis=1, keepdims=True)
    return -np.log(shares[np.arange(len(labels)), labels]).mean()


def test_sharpened_logits_pass_by_scores_unless_samples_were_held_out():
    assert not verify_scores(model(0.5), KEY, TASK).passed
    assert verify_scores(model(0.5, scale=1_000.0), KEY, TASK).passed
    assert not verify_scores(model(0.5, scale=1_000.0), KEY, TASK, held_out=HELD_OUT).passed


@pytest.mark.parametrize("scale", [1e-9, 0.3, 1e3, 1e9])
def test_with_held_out_the_verdict_is_the_same_but_for_the_temperature(scale):
    for gain, outcome in ((0.5, "NO POWER"), (6.0, "PASS")):
        plain = verify_scores(model(gain), KEY, TASK, held_out=HELD_OUT).to_dict()
        scaled = verify_scores(model(gain, scale), KEY, TASK, held_out=HELD_OUT).to_dict()
        assert plain.pop("outcome") == scaled.pop("outcome") == outcome
        assert scaled.pop("test") == plain.pop("test")
        for name in ("cautions", "reasons", "next_steps"):
            assert scaled.pop(name) == plain.pop(name) == []
        assert scaled.pop("meaning") == plain.pop("meaning")
        hotter = scaled.pop("temperature") / plain.pop("temperature")
        assert hotter == pytest.approx(scale, rel=1e-3)
        assert scaled == pytest.approx(plain, rel=1e-3)


def test_the_page_and_the_dictionary_tell_the_temperature_where_samples_were_held_out():
    plain = verify_scores(model(6.0), KEY, TASK)
    divided = verify_scores(model(6.0, scale=1_000.0), KEY, TASK, held_out=HELD_OUT)
    pages = []
    for verdict in (plain, divided):
        console = rich.console.Console(file=io.StringIO(), width=100)
        console.print(verdict)
        pages.append(console.file.getvalue())
    assert plain.to_dict()["temperature"] is None
    assert "temperature" not in pages[0]
    assert divided.to_dict()["temperature"] == pytest.approx(1_000, rel=0.1)
    [row] = [line for line in pages[1].splitlines() if "temperature" in line]
    assert f"{divided.temperature:.3g}" in row


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_verdict_carries_a_caution_exactly_where_every_held_out_answer_is_right(scale):
    perfect = verify_scores(model(6.0, scale, accuracy=1.0), KEY, TASK, held_out=HELD_OUT)
    [said] = perfect.to_dict()["cautions"]
    assert said.startswith("All 600 answers to held-out samples are right")
    assert json.loads(perfect.to_json())["cautions"] == [said]
    assert perfect.temperature < 1e-2 * scale  # nothing is small enough
    console = rich.console.Console(file=io.StringIO(), width=100)
    console.print(perfect)
    assert f"Caution: {said}" in " ".join(console.file.getvalue().split())

    last = HELD_OUT._replace(labels=np.append(HELD_OUT.labels[:-1], (HELD_OUT.labels[-1] + 1) % 3))
    one_wrong = verify_scores(model(6.0, scale, accuracy=1.0), KEY, TASK, held_out=last)
    assert one_wrong.cautions == ()
    assert one_wrong.temperature > 0.1 * scale
    assert verify_scores(model(6.0, scale), KEY, TASK).cautions == ()


@given(st.integers(0, 2**32 - 1), st.floats(-6, 6))
def test_no_other_temperature_has_a_smaller_cross_entropy(seed, exponent):
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=80)
    logits = 10.0**exponent * (rng.normal(size=(80, 4)) + np.eye(4)[labels])
    best = temperature(logits, labels)
    least = cross_entropy(logits / best, labels)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert cross_entropy(logits / best / factor, labels) >= least - 1e-9


def test_logits_that_say_nothing_have_a_temperature_too():
    labels = np.arange(30) % 3
    assert temperature(np.full((30, 3), 7.0), labels) == 1
    hot = temperature(-np.eye(3)[labels], labels)  # always wrong: no temperature is enough
    assert np.isfinite(hot)
    assert hot > 1_000


def test_what_is_held_out_must_be_samples_of_the_task_and_have_finite_logits():
    asked = model(6.0)

    def ask(held_out, predict=asked):
        return verify_scores(predict, KEY, TASK, held_out=held_out)

    features, labels = HELD_OUT
    with pytest.raises(UserError, match=r"of shape \(8, 8, 3\); the task's have \(8, 8, 1\)"):
        ask(Samples(np.zeros((4, 8, 8, 3), np.uint8), labels[:4]))
    with pytest.raises(UserError, match="held_out has no samples"):
        ask(Samples(features[:0], labels[:0]))
    with pytest.raises(UserError, match="labels from 0 to 3; the task has 3 classes"):
        ask(Samples(features[:3], np.int32([0, 3, 1])))
    for bad in (np.inf, -np.inf, np.nan):

        def predict(features, bad=bad):
            broken = (np.asarray(features) == HELD_OUT.features[3]).all(axis=(1, 2, 3))
            return asked(features) + np.where(broken, bad, 0.0)[:, None]

        with pytest.raises(UserError, match="infinite or no numbers"):
            ask(HELD_OUT, predict)
