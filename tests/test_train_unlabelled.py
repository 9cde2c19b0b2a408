"""The studies of scores: every test is put to the same answers, and the page is its results."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from rich.console import Console

from jaxverify import ExtraTask, Samples, generate, stats, verify, verify_scores
from jaxverify.task.generation import twins
from jaxverify.verification.by_answers import verify_answers
from train.unlabelled import autoencoders, calibration, power, publication
from train.unlabelled.battery import OTHERS, TESTS, Answers, p_values
from train.unlabelled.calibration import KINDS, interval
from train.unlabelled.label_ranks import label_rank_p_value

KEY = jax.random.key(0)
TASK = ExtraTask("image", (8, 8, 1), num_classes=4, num_samples=80, labels="balanced")
LABELS = np.asarray(generate(KEY, TASK).labels)


def answers(gain: float, seed: int = 0) -> Answers:
    rng = np.random.default_rng(seed)
    logits, twin_logits = rng.normal(size=(2, 80, 4)).astype(np.float32)
    logits[np.arange(80), LABELS] += np.float32(gain)
    return Answers(LABELS, logits, twin_logits, 0.4, jax.random.key(seed), "balanced")


def by_features(samples: Samples, logits: np.ndarray) -> dict[bytes, np.ndarray]:
    features = np.asarray(samples.features)
    return {x.tobytes(): row for x, row in zip(features, logits, strict=True)}


def test_the_battery_finds_what_the_public_tests_find():
    given = answers(0.4)
    told = given.logits.argmax(axis=1).astype(np.int32)
    found = p_values(given)
    assert found["binomial"] == verify_answers(told, KEY, TASK).to_dict()["p_value"]
    both = by_features(generate(KEY, TASK), given.logits)
    both |= by_features(twins(KEY, TASK), given.twin_logits)

    def predict(features):
        return np.stack([both[np.asarray(x).tobytes()] for x in features])

    assert found["rank"] == pytest.approx(verify_scores(predict, KEY, TASK).p_value)
    without = verify_scores(predict, KEY, TASK, forgiven=0.0).p_value
    assert found["rank, ε = 0"] == pytest.approx(without)
    assert without < found["rank"]
    for name, times in {"logits times 1,000": 1_000, "held out": 1 / 0.4}.items():
        other = verify_scores(lambda x, times=times: times * predict(x), KEY, TASK)
        assert found[f"rank, {name}"] == pytest.approx(other.p_value)
    p_value = float(verify(predict=predict, key=KEY, task=TASK, test="permutation").p_value)
    assert found["permutation"] == pytest.approx(p_value, abs=0.03)
    right, of_twins = given.right(given.logits), given.right(given.twin_logits)
    assert found["twins"] == stats.twin_p_value(right, of_twins, 80)


@pytest.mark.parametrize("name", TESTS | OTHERS)
def test_every_test_passes_who_knows_and_not_who_guesses(name):
    test = (TESTS | OTHERS)[name]
    assert test(answers(6.0)) <= 0.01
    guessing = [test(answers(0.0, seed)) <= 0.01 for seed in range(20)]
    assert sum(guessing) <= 3  # of 20 at alpha = 1%; more have a probability of 4 in 100,000


def test_a_subset_is_of_the_samples_and_of_their_twins():
    part = answers(1.0).subset(np.array([3, 7]))
    whole = answers(1.0)
    np.testing.assert_array_equal(part.labels, LABELS[[3, 7]])
    np.testing.assert_array_equal(part.logits, whole.logits[[3, 7]])
    np.testing.assert_array_equal(part.twin_logits, whole.twin_logits[[3, 7]])


def test_the_kinds_that_are_not_trained_do_not_pass():
    kinds = [name for name, (kind, _) in KINDS.items() if kind == "untrained"]
    assert len(kinds) == 5
    for name in kinds:
        passes = [KINDS[name][1](seed) for seed in range(3)]
        for test in passes[0]:
            assert sum(one[test] for one in passes) <= 1, (name, test)


def test_the_interval_is_clopper_and_pearsons():
    low, high = interval(5, 200)
    assert scipy.stats.binom.sf(4, 200, low) == pytest.approx(0.025)
    assert scipy.stats.binom.cdf(5, 200, high) == pytest.approx(0.025)
    assert interval(0, 1_000)[0] == 0
    assert interval(1_000, 1_000)[1] == 1


def test_runs_differ_in_length_and_network_alone_and_each_has_a_folder():
    configs = list(autoencoders.runs(Path("runs"), Path("data")))
    assert len({config.workdir for config in configs}) == len(configs) == 8
    for whole, stopped in zip(configs[::2], configs[1::2], strict=True):
        assert stopped.stop_epoch == whole.epochs / 10
        assert whole.differences(replace(stopped, stop_epoch=None)) == []
    assert all(config.extra and config.seeds == 3 for config in configs)
    assert {config.data for config in configs} == {None, Path("data/cifar10")}
    assert all(cell.keep_checkpoints == "all" for cell in power.cells(Path("runs"), None))


def test_the_page_shows_what_the_results_say():
    results = {path.stem: json.loads(path.read_text()) for path in publication.RESULTS.glob("*")}
    missing = set(publication.TABLES) - set(results)
    assert set(results) <= set(publication.TABLES)
    page = publication.PAGE.read_text()
    assert publication.fill(page, results) == page
    assert page.count("Not run yet") == len(missing)
    emptied = publication.fill(page, {})
    assert emptied.count("Not run yet") == 3
    assert publication.fill(emptied, results) == page


def test_calibration_counts_the_passes(monkeypatch):
    def judge(seed):
        return {"one": seed % 2 == 0, "two": False}

    monkeypatch.setattr(calibration, "KINDS", {"a": ("untrained", judge), "b": ("honest", judge)})
    found = calibration.calibrate(6, 5, 4, Console(quiet=True))
    assert found["counts"]["a"] == {
        "trials": 6,
        "passes": {"one": 3, "two": 0},
        "converged": False,
    }
    assert found["counts"]["b"]["passes"]["one"] == 2
    assert found["code_revisions"]


def test_where_every_order_of_the_labels_is_likely_label_ranks_stay_within_alpha():
    trials, num_samples, rng = 1_000, 40, np.random.default_rng(0)
    labels = rng.permuted(np.tile(np.arange(num_samples) % 3, (trials, 1)), axis=1)
    logits = rng.normal(size=(trials, num_samples, 3)) + np.array([0, 5, 1])
    constant = np.broadcast_to(logits[:, :1], logits.shape)
    keys = jax.random.split(jax.random.key(0), trials)
    for epsilon in (0.0, 0.5):
        test = jax.jit(jax.vmap(lambda *a, e=epsilon: label_rank_p_value(*a, e, 99)))
        gained = logits - np.log(1 - epsilon) * np.eye(3)[labels]
        p_values = np.asarray(test(jax.random.clone(keys), jnp.float32(gained), labels))
        for alpha in (0.01, 0.05, 0.2):
            passes = (p_values <= np.float32(alpha)).sum()
            assert 0.5 * alpha * trials <= passes <= scipy.stats.binom.isf(1e-6, trials, alpha)
    alike = test(jax.random.clone(keys), jnp.float32(constant - logits[:, :1]), labels)
    assert (np.asarray(alike) > 0.5).all()


def test_the_p_value_of_label_ranks_is_the_share_of_orders_with_so_large_a_sum():
    rng = np.random.default_rng(1)
    labels = np.arange(30, dtype=np.int32) % 3
    logits = rng.integers(3, size=(30, 3)).astype(np.float32)  # with ties
    logits[np.arange(30), labels] += 0.5
    ranks = scipy.stats.rankdata(np.asarray(jax.nn.log_softmax(logits)), axis=0)
    orders = rng.permuted(np.tile(labels, (50_000, 1)), axis=1)
    sums = ranks[np.arange(30), orders].sum(axis=1)
    exact = (sums >= ranks[np.arange(30), labels].sum()).mean()
    p_value = label_rank_p_value(
        jax.random.key(0), jnp.asarray(logits), jnp.asarray(labels), 0.0, 20_000
    )
    assert 0.001 < exact < 0.5
    assert float(p_value) == pytest.approx(exact, abs=5 * np.sqrt(exact / 20_000))
