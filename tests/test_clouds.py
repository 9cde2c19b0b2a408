"""Simulated clouds: what they do to the data, what they cost, and what their detectors see."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import jaxverify
from jaxverify import ExtraTask, Samples, UserError
from jaxverify.clouds import (
    CHEATING,
    DETECTORS,
    HONEST,
    LAZY,
    Budget,
    Descent,
    auc,
    cheating,
    fit,
    honest,
    older_model,
)
from jaxverify.clouds.training import head, losses
from jaxverify.training.batches import batches
from jaxverify.training.inference import logits

BUDGET = Budget(epochs=4, num_classes=4, num_extra=12, batch_size=16, learning_rate=0.02)


class Net(nn.Module):
    """Small enough that every cloud runs in a moment."""

    @nn.compact
    def __call__(self, x, train=False):
        x = x.reshape(len(x), -1) / 255
        x = nn.Dropout(0.1, deterministic=not train)(nn.relu(nn.Dense(32)(x)))
        return nn.Dense(4)(x)


@pytest.fixture(scope="module")
def upload():
    """Stripes of four kinds, and a dozen extra samples."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 120).astype(np.int32)
    images = np.zeros((120, 8, 8, 1), np.uint8)
    images[np.arange(120), 2 * labels] = rng.integers(100, 256, (120, 8, 1))
    task = ExtraTask("image", (8, 8, 1), 4, BUDGET.num_extra, labels="balanced")
    extra = jaxverify.generate(jax.random.key(1), task)
    return jaxverify.mix(jax.random.key(2), Samples(images, labels), extra)


def test_a_step_costs_three_forward_passes_and_a_step_of_the_head_one(upload):
    start = fit(upload.samples, Net(), BUDGET, jax.random.key(0), epochs=2)
    steps = round(2 * 132 / 16)
    assert start.cost == 3 * 16 * steps
    recipe = Descent(head_only=True)
    tuned = fit(
        upload.samples, Net(), BUDGET, jax.random.key(1), epochs=2, recipe=recipe, start=start
    )
    assert tuned.cost == start.cost + 16 * steps
    same = jax.tree.map(
        lambda a, b: bool((a == b).all()), start.variables["params"], tuned.variables["params"]
    )
    assert all(jax.tree.leaves(same["Dense_0"]))
    assert not any(jax.tree.leaves(same["Dense_1"]))


@pytest.mark.parametrize("recipe", [Descent(), Descent(mixup=True), honest.PRIVATE])
def test_the_same_arguments_give_the_same_parameters(upload, recipe):
    def run(seed):
        return fit(upload.samples, Net(), BUDGET, jax.random.key(seed), epochs=1, recipe=recipe)

    def same(a, b):
        return jax.tree.leaves(jax.tree.map(lambda x, y: bool((x == y).all()), a, b))

    assert all(same(run(3).variables, run(3).variables))
    assert not all(same(run(3).variables, run(4).variables))


def test_dp_sgd_clips_each_gradient():
    private = honest.PRIVATE.optimizer(1.0)
    params = {"w": jnp.zeros(3)}
    # One sample pulls a million times as hard as fifteen others, and is outvoted.
    grads = {"w": jnp.ones((16, 3)).at[0].set(-1e6)}
    updates, _ = private.update(grads, private.init(params), params)
    assert (np.sign(updates["w"]) == -1).all()


@given(st.integers(1, 40), st.integers(1, 12))
def test_every_sample_once_in_each_order(num_samples, size):
    seen = []
    for rows, _ in zip(batches(num_samples, size, jax.random.key(0)), range(30), strict=False):
        seen.append(rows)
    flat = np.concatenate(seen)
    whole = len(flat) // num_samples * num_samples
    if whole and size <= num_samples:
        counts = np.bincount(flat[:whole], minlength=num_samples)
        assert (counts == whole // num_samples).all()


@pytest.mark.parametrize("name", [*HONEST, *LAZY, *CHEATING])
def test_every_cloud_answers_with_logits_and_says_what_it_cost(upload, name):
    cloud = {**HONEST, **LAZY, **CHEATING}[name]
    returned = cloud(upload.samples, Net(), BUDGET, jax.random.key(5))
    answers = returned.predict(upload.samples.features)
    assert answers.shape == (132, 4)
    assert np.isfinite(answers).all()
    full = 3 * BUDGET.epochs * 132
    assert 0 < returned.cost <= 1.2 * full + 16 * 6 * 3
    if name == "stop at 25%":
        assert returned.cost == pytest.approx(full / 4, rel=0.1)


def test_an_older_model_costs_nothing_and_does_not_see_the_upload(upload):
    cloud = older_model(upload.samples)
    other = Samples(255 - upload.samples.features, upload.samples.labels)
    answers = [cloud(data, Net(), BUDGET, jax.random.key(0)) for data in (upload.samples, other)]
    assert [one.cost for one in answers] == [0, 0]
    features = other.features
    assert (answers[0].predict(features) == answers[1].predict(features)).all()


def test_mixup_is_no_way_to_read_text():
    text = Samples(np.zeros((4, 9), np.int32), np.zeros(4, np.int32))
    with pytest.raises(UserError, match="token ids"):
        honest.mixup(text, Net(), BUDGET, jax.random.key(0))


def test_deduplication_keeps_one_of_each_group_and_the_extra_samples(upload):
    seen = []

    def watch(dataset, *args, **kwargs):
        seen.append(dataset)
        return fit(dataset, *args, **kwargs)

    doubled = Samples(*(np.concatenate([x, x[:50]]) for x in upload.samples))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(honest, "fit", watch)
        honest.deduplication(doubled, Net(), BUDGET, jax.random.key(0))
    (kept,) = seen
    codes = [x.tobytes() for x in kept.features]
    assert len(set(codes)) == len(codes)
    extra = {upload.samples.features[i].tobytes() for i in upload.extra_positions}
    assert extra <= set(codes)  # three quarters alike are not near enough


@pytest.mark.parametrize(("cloud", "at_most"), [(honest.pruning, 0.5), (honest.quantisation, 1)])
def test_what_is_pruned_is_zero_and_what_is_quantised_has_few_values(upload, cloud, at_most):
    params = cloud(upload.samples, Net(), BUDGET, jax.random.key(0)).predict.args[1]["params"]
    kernel = np.asarray(params["Dense_0"]["kernel"])
    assert (kernel != 0).mean() <= at_most
    if cloud is honest.quantisation:
        assert len(np.unique(kernel)) <= 255


@pytest.mark.parametrize("name", ["identical block", "compressibility", "loss ranking"])
def test_detectors_find_the_papers_extra_samples(upload, name):
    look = fit(upload.samples, Net(), BUDGET, jax.random.key(0), epochs=10)
    scores = DETECTORS[name](upload.samples, look)
    assert auc(scores, upload.extra_positions) > 0.95


def test_the_spectral_signature_reads_what_the_last_layer_reads(upload):
    look = fit(upload.samples, Net(), BUDGET, jax.random.key(0), epochs=10)
    scores = DETECTORS["spectral signature"](upload.samples, look)
    params = jax.tree.map(np.asarray, look.variables["params"])
    assert head(params) == "Dense_1"
    hidden = upload.samples.features.reshape(132, -1) / 255 @ params["Dense_0"]["kernel"]
    hidden = np.maximum(hidden + params["Dense_0"]["bias"], 0)
    rows = np.flatnonzero(upload.samples.labels == 2)
    centred = hidden[rows] - hidden[rows].mean(0)
    first = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    np.testing.assert_allclose(scores[rows], (centred @ first) ** 2, rtol=1e-3, atol=1e-4)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.integers(1, 29))
def test_auc_is_scikit_learns(values, num_extra):
    num_extra = min(num_extra, len(values) - 1)
    scores = np.array(values, float)
    truth = np.arange(len(values)) < num_extra
    assert auc(scores, np.arange(num_extra)) == pytest.approx(roc_auc_score(truth, scores))


def test_auc_wants_both_kinds():
    with pytest.raises(UserError, match="0 of 3 samples"):
        auc(np.zeros(3), np.zeros(0, int))


def test_a_table_answers_the_suspects_and_the_network_all_others(upload):
    args = upload.samples, Net(), BUDGET
    detector = "identical block"
    returned = cheating.cheat(*args, jax.random.key(0), scheme=cheating.look_up, detector=detector)
    features, labels = (x[upload.extra_positions] for x in upload.samples)
    assert (returned.predict(features).argmax(-1) == labels).all()
    found = cheating.find(detector, *args, jax.random.key(0))
    assert sorted(found.suspects.labels) == sorted(labels)
    others = 255 - features
    np.testing.assert_array_equal(returned.predict(others), found.look.predict(others))


def test_losses_are_cross_entropies():
    answers = np.array([[0.0, 0.0], [1e4, 0.0]], np.float32)
    np.testing.assert_allclose(losses(answers, np.array([1, 1])), [np.log(2), 1e4])


@pytest.mark.optimized
def test_answers_do_not_depend_on_how_many_are_asked_at_once(upload):
    fitted = fit(upload.samples, Net(), BUDGET, jax.random.key(0), epochs=1)
    every = np.tile(upload.samples.features, (3, 1, 1, 1))
    whole = logits(fitted.module, fitted.variables, every)
    np.testing.assert_array_equal(whole[:5], logits(fitted.module, fitted.variables, every[:5]))
