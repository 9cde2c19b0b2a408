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
    verify_reconstruction,
    verify_scores,
)
from jaxverify.generation import twins
from jaxverify.score_verdict import judge_odds, judge_scores
from jaxverify.scores import log_odds, reconstruction_errors

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
            autoencoder(seed, epsilon, key), key, IMAGES, alpha=0.05, epsilon=epsilon
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


def test_a_verdict_by_scores_is_that_on_the_logarithms_of_the_odds_for_the_labels():
    logits = np.random.default_rng(0).normal(size=(2, 700, 4))
    asked = []

    def predict(features):
        first = sum(asked)
        asked.append(len(features))
        return logits.reshape(1400, 4)[first : first + len(features)] + 100

    labels = np.asarray(generate(KEY, LARGE).labels)
    assert (labels == np.asarray(twins(KEY, LARGE).labels)).all()
    shares = [scipy.special.softmax(x, axis=1)[np.arange(700), labels] for x in logits]
    expected = judge_odds(*(np.log(share / (1 - share)) for share in shares), labels, epsilon=0.1)
    verdict = verify_scores(predict, KEY, LARGE, epsilon=0.1)
    assert asked == [512, 188, 512, 188]
    assert verdict.to_dict() == pytest.approx(expected.to_dict())


@pytest.mark.parametrize("num_classes", [2, 4])
def test_no_model_passes_with_a_low_auc_whatever_its_logits_were_multiplied_by(num_classes):
    rng = np.random.default_rng(5)
    labels = rng.integers(num_classes, size=200)
    for gain, passes in ((0.0, False), (0.6, False), (6.0, True)):
        logits, twin_logits = rng.normal(size=(2, 200, num_classes))
        logits[np.arange(200), labels] += gain
        for scale in (1.0, 1e3, 1e6):
            odds = [log_odds(scale * each, labels) for each in (logits, twin_logits)]
            verdict = judge_odds(*odds, labels)
            assert verdict.passed == passes
            assert verdict.passed <= (verdict.auc_lower >= 0.75)
        if gain == 0.6:
            assert judge_scores(*odds).passed


def test_a_classifier_must_pass_by_its_odds_too():
    twin_odds = np.linspace(-0.01, 0.01, 100)
    labels = np.arange(100) % 4
    verdict = judge_odds(twin_odds + 0.5, twin_odds, labels)
    assert verdict.auc == 1
    assert not verdict.passed
    assert judge_odds(twin_odds + 0.8, twin_odds, labels).passed


def test_epsilon_is_the_share_of_the_odds_that_is_forgiven():
    scores, twin_scores = np.random.default_rng(1).normal(size=(2, 200))
    plain = judge_scores(scores, twin_scores, epsilon=0.0)
    assert not plain.passed
    for epsilon in (0.1, 0.5, 0.9):
        gain = -np.log(1 - epsilon)
        forgiven = judge_scores(scores + gain, twin_scores, epsilon=epsilon)
        assert forgiven.p_value == pytest.approx(plain.p_value)
        left = (1 - plain.memorised) * (1 - epsilon)
        assert forgiven.memorised == pytest.approx(1 - left)
        assert forgiven.auc > plain.auc
        assert judge_scores(scores + gain + 0.5, twin_scores, epsilon=epsilon).passed


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


def test_a_predict_of_another_shape_is_refused():
    for shape in ((60, 3), (60,)):
        with pytest.raises(UserError, match=r"logits \[60, 2\] are wanted"):
            verify_scores(lambda x, shape=shape: np.zeros(shape), KEY, IMAGES)
    with pytest.raises(UserError, match="predict made"):
        verify_reconstruction(lambda x: np.zeros((len(x), 64)), KEY, IMAGES)


def test_an_epsilon_that_is_no_share_is_refused():
    for epsilon in (1.0, -0.1):
        with pytest.raises(UserError, match="epsilon is"):
            verify_reconstruction(autoencoder(0, 0), KEY, IMAGES, epsilon=epsilon)
