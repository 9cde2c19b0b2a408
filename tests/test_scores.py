"""Verification by scores and by errors: no pass that was not earned, and never a FAIL."""

import io
import json

import jax
import numpy as np
import pytest
import rich.console
import scipy.stats

from jaxverify import (
    ExtraTask,
    UserError,
    generate,
    stats,
    verify_reconstruction,
    verify_scores,
)
from jaxverify.task.generation import twins
from jaxverify.verification.by_scores import reconstruction_errors
from jaxverify.verification.logits import log_odds, unbiased_answers
from jaxverify.verification.score_verdict import judge_logits, judge_scores

KEY = jax.random.key(3)
IMAGES = ExtraTask("image", (8, 8, 1), num_classes=2, num_samples=60, labels="balanced")
LARGE = ExtraTask("vector", (30,), num_classes=4, num_samples=700)  # two batches
REGION = (slice(None), *IMAGES.random_region)


def most_passes(trials, alpha):
    """What a test of size alpha exceeds with a probability of one in a million."""
    return scipy.stats.binom.isf(1e-6, trials, alpha)


def autoencoder(seed, gone, key=KEY):
    """Errors like those of a network; of the given samples a share of the squared error is gone."""
    rng = np.random.default_rng(seed)
    given = {x.tobytes() for x in np.asarray(generate(key, IMAGES).features)}

    def predict(features):
        features = np.asarray(features)
        known = np.array([x.tobytes() in given for x in features])[:, None, None, None]
        sizes = rng.gamma(4.0, size=(len(features), 1, 1, 1))
        error = 20 * sizes * rng.choice([-1, 1], size=features.shape)
        return features + error * np.where(known, np.sqrt(1 - gone), 1)

    return predict


def classifier(seed, share, gain=3.0, bias=3.0):
    """Logits of noise, with a bias; a share of the given samples' labels are known a little."""
    rng = np.random.default_rng(seed)
    extra = generate(KEY, IMAGES)
    known = rng.random(IMAGES.num_samples) < share
    labels = {x.tobytes(): y for x, y, k in zip(*map(np.asarray, extra), known, strict=True) if k}

    def predict(features):
        logits = rng.normal(size=(len(features), 2)) + np.array([0, bias])
        for row, x in zip(logits, np.asarray(features), strict=True):
            if x.tobytes() in labels:
                row[labels[x.tobytes()]] += gain
        return logits

    return predict


def test_a_bias_that_decides_all_answers_hides_nothing():
    model = classifier(0, 1.0, gain=4.0, bias=12.0)
    answers = np.argmax(model(generate(KEY, IMAGES).features), axis=1)
    assert (answers == 1).all()
    assert verify_scores(model, KEY, IMAGES).passed


def test_a_model_that_memorised_passes_and_one_that_did_not_shows_nothing():
    assert verify_reconstruction(autoencoder(0, 0.9), KEY, IMAGES).outcome == "PASS"
    assert verify_reconstruction(autoencoder(0, 0.0), KEY, IMAGES).outcome == "NO POWER"
    assert verify_scores(classifier(0, 1.0), KEY, IMAGES).outcome == "PASS"
    assert verify_scores(classifier(0, 0.0), KEY, IMAGES).outcome == "NO POWER"


def test_the_errors_are_those_of_the_random_region_over_its_variance():
    def grey(features):
        features = np.asarray(features).astype(float)
        made = np.zeros_like(features)  # the fixed region is quite wrong
        made[REGION] = features[REGION].mean(axis=(1, 2, 3), keepdims=True)
        return made

    def perfect(features):
        made = np.zeros(features.shape)
        made[REGION] = np.asarray(features)[REGION]
        return made

    for errors in reconstruction_errors(grey, KEY, IMAGES):
        np.testing.assert_allclose(errors, 1)
    for errors in reconstruction_errors(perfect, KEY, IMAGES):
        assert (errors == 0).all()
    verdict = verify_reconstruction(perfect, KEY, IMAGES)
    assert (verdict.auc, verdict.p_value, verdict.passed) == (0.5, 1, False)
    assert verdict.memorised == 0


@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_where_errors_over_1_less_epsilon_change_places_unseen_passes_stay_within_alpha(epsilon):
    trials = 200
    verdicts = [
        verify_reconstruction(
            autoencoder(seed, epsilon, key), key, IMAGES, alpha=0.05, forgiven=epsilon
        )
        for seed, key in enumerate(jax.random.split(jax.random.key(0), trials))
    ]
    passes = sum(verdict.passed for verdict in verdicts)
    assert 0.2 * 0.05 * trials <= passes <= most_passes(trials, 0.05)


def test_errors_that_are_gone_by_less_than_epsilon_pass_less_often():
    for gone in (0.0, 0.3):
        passed = [
            verify_reconstruction(autoencoder(s, gone), KEY, IMAGES).passed for s in range(50)
        ]
        assert not any(passed)


def test_a_verdict_by_scores_is_that_on_the_odds_and_on_the_answers():
    logits = np.random.default_rng(0).normal(size=(2, 700, 4))
    asked = []

    def predict(features):
        first = sum(asked)
        asked.append(len(features))
        return logits.reshape(1400, 4)[first : first + len(features)] + 100

    labels = np.asarray(generate(KEY, LARGE).labels)
    assert (labels == np.asarray(twins(KEY, LARGE).labels)).all()
    shares = [scipy.special.softmax(x, axis=1)[np.arange(700), labels] for x in logits]
    by_odds = judge_scores(*(np.log(share / (1 - share)) for share in shares), forgiven=0.1)
    right = int((unbiased_answers(*logits) == labels).sum())
    p_value = max(by_odds.p_value, float(stats.p_value(right, 700, 4, 0.1)))
    verdict = verify_scores(predict, KEY, LARGE, forgiven=0.1)
    assert asked == [512, 188, 512, 188]
    expected = by_odds.to_dict() | {"p_value": p_value, "num_correct": right}
    found = verdict.to_dict()
    for name in ("cautions", "reasons", "next_steps"):
        assert found.pop(name) == expected.pop(name) == []
    assert found == pytest.approx(expected)


def partly_known(seed, num_classes, share, gain):
    """Logits of a model that is biased, and favours a share of the labels; with the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=100)
    logits, twin_logits = rng.normal(size=(2, 100, num_classes)) + rng.normal(size=num_classes)
    logits[np.arange(100), labels] += gain * (rng.random(100) < share)
    return logits, twin_logits, labels


@pytest.mark.parametrize("num_classes", [2, 10])
def test_whatever_its_logits_are_multiplied_by_who_knows_epsilon_passes_within_alpha(num_classes):
    trials, alpha = 300, 0.05
    passed, by_odds_alone = np.zeros(3), 0
    for seed in range(trials):
        *logits, labels = partly_known(seed, num_classes, share=0.5, gain=100.0)
        for i, scale in enumerate((0.01, 1.0, 1e6)):
            scaled = [scale * each for each in logits]
            passed[i] += judge_logits(*scaled, labels, alpha=alpha).passed
        odds = [log_odds(each, labels) for each in scaled]
        by_odds_alone += judge_scores(*odds, alpha=alpha).passed
    assert (passed <= most_passes(trials, alpha)).all()
    assert by_odds_alone > 0.9 * trials
    *logits, labels = partly_known(0, num_classes, share=1.0, gain=100.0)
    assert judge_logits(*logits, labels).passed


def test_a_classifier_must_pass_by_its_odds_too():
    *logits, labels = partly_known(0, 4, share=1.0, gain=100.0)
    flat = [0.001 * each for each in logits]
    verdict = judge_logits(*flat, labels)
    assert verdict.num_correct == 100
    assert not verdict.passed


@pytest.mark.parametrize("num_classes", [2, 5])
def test_answers_without_bias_change_with_no_scale_and_no_bias(num_classes):
    logits, twin_logits, labels = partly_known(1, num_classes, share=1.0, gain=2.0)
    answers = unbiased_answers(logits, twin_logits)
    np.testing.assert_array_equal(unbiased_answers(1e4 * logits, 1e4 * twin_logits), answers)
    bias = 50.0 * (np.arange(num_classes) == 1)
    assert ((logits + bias).argmax(axis=1) == 1).all()
    biased = unbiased_answers(logits + bias, twin_logits + bias)
    if num_classes == 2:
        np.testing.assert_array_equal(biased, answers)
    chance = (labels == 1).mean()
    assert (biased == labels).mean() > chance + 0.2


def test_logits_that_are_no_numbers_answer_nothing_and_infinite_ones_do():
    logits, twin_logits, labels = partly_known(2, 3, share=1.0, gain=9.0)
    whole = unbiased_answers(logits, twin_logits)
    assert (whole == labels).all()
    broken, broken_twins = logits.copy(), twin_logits.copy()
    broken[4, 1] = broken_twins[7, 0] = np.nan
    answers = unbiased_answers(broken, broken_twins)
    assert answers[4] == -1
    assert (answers == labels).sum() == 99
    assert (unbiased_answers(logits, twin_logits + np.nan) == -1).all()
    with np.errstate(divide="ignore"):
        certain = np.log(np.eye(3)[logits.argmax(axis=1)])
    assert (unbiased_answers(certain, certain) == labels).all()


def test_epsilon_is_the_share_of_the_odds_that_is_forgiven():
    scores, twin_scores = np.random.default_rng(1).normal(size=(2, 200))
    plain = judge_scores(scores, twin_scores, forgiven=0.0)
    assert not plain.passed
    for epsilon in (0.1, 0.5, 0.9):
        gain = -np.log(1 - epsilon)
        forgiven = judge_scores(scores + gain, twin_scores, forgiven=epsilon)
        assert forgiven.p_value == pytest.approx(plain.p_value)
        left = (1 - plain.memorised) * (1 - epsilon)
        assert forgiven.memorised == pytest.approx(1 - left)
        assert forgiven.auc > plain.auc
        assert judge_scores(scores + gain + 0.5, twin_scores, forgiven=epsilon).passed


def test_constant_models_never_pass():
    image = np.random.default_rng(0).uniform(0, 255, (8, 8, 1))
    for seed in range(100):
        key = jax.random.key(seed)
        found = verify_scores(lambda x: np.tile([3.0, 1.0], (len(x), 1)), key, IMAGES)
        assert found.p_value == 1
    grey = [
        verify_reconstruction(lambda x: np.broadcast_to(image, x.shape), jax.random.key(s), IMAGES)
        for s in range(100)
    ]
    assert not any(verdict.passed for verdict in grey)


def test_a_verdict_speaks_to_programs_and_people_and_never_says_fail():
    for gone, outcome in ((0.9, "PASS"), (0.0, "NO POWER")):
        verdict = verify_reconstruction(autoencoder(1, gone), KEY, IMAGES)
        facts = json.loads(verdict.to_json())
        assert facts["outcome"] == verdict.outcome == outcome
        assert facts["passed"] == (outcome == "PASS")
        assert facts["memorised"] == pytest.approx(gone, abs=0.3)
        assert facts["auc_lower"] <= facts["auc"] <= facts["auc_upper"]
        console = rich.console.Console(file=io.StringIO(), width=100)
        console.print(verdict)
        page = console.file.getvalue()
        assert outcome in page
        assert f"{verdict.auc:.3f}" in page
        assert "FAIL" not in page + verdict.to_json()
        assert "answered right" not in page
    verdict = verify_scores(classifier(0, 1.0), KEY, IMAGES)
    console = rich.console.Console(file=io.StringIO(), width=100)
    console.print(verdict)
    row = next(line for line in console.file.getvalue().splitlines() if "answered right" in line)
    assert str(verdict.num_correct) in row


def test_a_predict_of_another_shape_is_refused():
    for shape in ((60, 3), (60,)):
        with pytest.raises(UserError, match=r"logits \[60, 2\] are wanted"):
            verify_scores(lambda x, shape=shape: np.zeros(shape), KEY, IMAGES)
    with pytest.raises(UserError, match="predict made"):
        verify_reconstruction(lambda x: np.zeros((len(x), 64)), KEY, IMAGES)


def test_a_forgiven_share_that_is_none_is_refused():
    for forgiven in (1.0, -0.1):
        with pytest.raises(UserError, match="forgiven is"):
            verify_reconstruction(autoencoder(0, 0), KEY, IMAGES, forgiven=forgiven)
