"""Verification by scores and by errors: no pass that was not earned, and never a FAIL."""

import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rich.console
import scipy.stats

from jaxverify import (
    ExtraTask,
    TrainedModel,
    UserError,
    generate,
    stats,
    verify,
    verify_reconstruction,
    verify_scores,
)
from jaxverify.generation import twins
from jaxverify.scores import judge_scores, reconstruction_errors
from jaxverify.verification import verify_answers

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


def classifier(seed, share, gain=2.0, bias=3.0):
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
    trials = 400
    verdicts = [
        verify_reconstruction(
            autoencoder(seed, epsilon, key), key, IMAGES, alpha=0.05, epsilon=epsilon
        )
        for seed, key in enumerate(jax.random.split(jax.random.key(0), trials))
    ]
    passes = sum(verdict.passed for verdict in verdicts)
    assert 0.4 * 0.05 * trials <= passes <= most_passes(trials, 0.05)


def test_errors_that_are_gone_by_less_than_epsilon_pass_less_often():
    for gone in (0.0, 0.3):
        passed = [
            verify_reconstruction(autoencoder(s, gone), KEY, IMAGES).passed for s in range(50)
        ]
        assert not any(passed)


def test_a_verdict_by_scores_is_that_on_the_logarithms_of_the_labels_probabilities():
    logits = np.random.default_rng(0).normal(size=(2, 700, 4)).astype(np.float32)
    asked = []

    def predict(features):
        number = sum(asked) % 700
        asked.append(len(features))
        return logits[sum(asked[:-1]) // 700, number : number + len(features)] + 100

    labels = np.asarray(generate(KEY, LARGE).labels)
    assert (labels == np.asarray(twins(KEY, LARGE).labels)).all()
    scores = [scipy.special.log_softmax(x, axis=1)[np.arange(700), labels] for x in logits]
    expected = judge_scores(*(score.astype(np.float64) for score in scores))
    verdict = verify_scores(predict, KEY, LARGE)
    assert asked == [512, 188, 512, 188]
    assert verdict.auc == pytest.approx(expected.auc, abs=1e-4)
    assert verdict.p_value == pytest.approx(expected.p_value, rel=0.01)


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


def scored(predict, **options):
    return verify(predict=predict, key=KEY, task=IMAGES, test="scores", **options)


def test_the_test_of_scores_sees_through_a_bias_that_decides_all_answers():
    passed = {"scores": 0, "binomial": 0, "permutation": 0}
    for seed in range(5):
        for test in passed:
            model = classifier(seed, 1.0, gain=2.0, bias=8.0)
            verdict = verify(predict=model, key=KEY, task=IMAGES, test=test)
            passed[test] += bool(verdict.passed)
    assert passed["scores"] == 5
    assert passed["binomial"] == passed["permutation"] == 0


def test_where_every_order_of_the_labels_is_likely_the_test_of_scores_stays_within_alpha():
    trials, num_samples, rng = 1_000, 40, np.random.default_rng(0)
    labels = rng.permuted(np.tile(np.arange(num_samples) % 3, (trials, 1)), axis=1)
    logits = rng.normal(size=(trials, num_samples, 3)) + np.array([0, 5, 1])
    test = jax.jit(jax.vmap(lambda *a: stats.score_permutation_p_value(*a, 99)))
    keys = jax.random.split(jax.random.key(0), trials)
    p_values = np.asarray(test(keys, jnp.float32(logits), jnp.int32(labels)))
    for alpha in (0.01, 0.05, 0.2):
        passes = (p_values <= np.float32(alpha)).sum()
        assert 0.5 * alpha * trials <= passes <= most_passes(trials, alpha)
    constant = jnp.float32(np.broadcast_to(logits[:, :1], logits.shape))
    fresh = jax.random.split(jax.random.key(1), trials)
    assert (np.asarray(test(fresh, constant, jnp.int32(labels))) == 1).all()


def test_the_p_value_of_scores_is_the_share_of_orders_with_so_large_a_sum_of_ranks():
    rng = np.random.default_rng(1)
    labels = np.arange(30) % 3
    logits = rng.integers(3, size=(30, 3)).astype(np.float32)  # with ties
    logits[np.arange(30), labels] += 0.5
    scores = np.asarray(jax.nn.log_softmax(logits))
    ranks = scipy.stats.rankdata(scores, axis=0)
    orders = rng.permuted(np.tile(labels, (50_000, 1)), axis=1)
    sums = ranks[np.arange(30), orders].sum(axis=1)
    exact = (sums >= ranks[np.arange(30), labels].sum()).mean()
    p_value = stats.score_permutation_p_value(jax.random.key(0), logits, labels, 20_000)
    assert 0.001 < exact < 0.5
    assert float(p_value) == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))


def test_the_test_of_scores_asks_for_logits():
    with pytest.raises(UserError, match="logits are wanted"):
        scored(lambda x: np.zeros(len(x), int))
    with pytest.raises(UserError, match="it is for verify"):
        verify_answers(np.zeros(60, np.int32), KEY, IMAGES, test="scores")


def test_the_test_of_scores_is_the_same_under_jit():
    features = generate(KEY, IMAGES).features
    weights = jax.random.normal(jax.random.key(0), (64, 2))
    model = TrainedModel(weights, linear, IMAGES)
    verdict = verify(model, KEY, test="scores")
    jitted = jax.jit(lambda m: verify(m, KEY, test="scores"))(model)
    assert float(jitted.p_value) == float(verdict.p_value)
    assert np.isnan(float(verdict.threshold))
    assert verdict.to_dict()["threshold"] is None
    logits = linear(weights, features)
    assert int(verdict.num_correct) == (logits.argmax(1) == generate(KEY, IMAGES).labels).sum()


def linear(weights, features):
    return features.reshape(len(features), -1).astype(jnp.float32) @ weights / 255
