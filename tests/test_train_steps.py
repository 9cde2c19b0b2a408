"""The pure pieces of training: step, optimizer, augmentation, evaluation."""

import logging

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxverify import ExtraTask, Samples, UserError, generate, models
from jaxverify.runs import extra_key
from jaxverify.training import augment
from train.config import Config
from train.evaluation import make_evaluation
from train.mesh import DataMesh
from train.optimizer import make_optimizer, make_schedule
from train.state import init_state
from train.steps import make_train_step
from train.training_set import TrainingSet, epoch_order

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 6, 6, 1), np.uint8)
LABELS = np.arange(16, dtype=np.int32) % 3


class Linear(nn.Module):
    """Softmax regression."""

    @nn.compact
    def __call__(self, x, train=False):
        x = x.reshape(len(x), -1).astype(jnp.float32) / 255
        return nn.Dense(3, kernel_init=nn.initializers.zeros)(x)


class Normed(nn.Module):
    """With everything that can depend on how a batch is split: BatchNorm and dropout."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(4, (3, 3))(x.astype(jnp.float32) / 255)
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(3)(x.mean((1, 2)))


def test_one_step_is_gradient_descent_on_the_mean_cross_entropy():
    optimizer = optax.sgd(0.5)
    state = init_state(jax.random.key(0), Linear(), optimizer, IMAGES[:1])
    step = make_train_step(Linear(), optimizer, augment.none)
    after, loss = jax.jit(step)(state, Samples(IMAGES, LABELS), jax.random.key(1))

    x = IMAGES.reshape(16, -1) / 255
    errors = np.full((16, 3), 1 / 3) - np.eye(3)[LABELS]  # softmax of zeros, less the label
    assert float(loss) == pytest.approx(np.log(3))
    dense = after.params["Dense_0"]
    np.testing.assert_allclose(dense["kernel"], -0.5 * x.T @ errors / 16, atol=1e-6)
    np.testing.assert_allclose(dense["bias"], -0.5 * errors.mean(0), atol=1e-6)
    assert int(after.step) == 1
    assert int(after.tally.samples) == 16
    assert float(after.tally.loss) == pytest.approx(16 * np.log(3))
    assert int(after.tally.correct) == (LABELS == 0).sum()


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_one_and_eight_devices_agree(augmentation):
    optimizer = optax.sgd(0.1, momentum=0.9)
    finals = []
    for devices in (jax.devices()[:1], jax.devices()):
        mesh = DataMesh(devices)
        step = make_train_step(Normed(), optimizer, augment.AUGMENTATIONS[augmentation].apply)
        train_step = mesh.jit_train(step)
        state = mesh.replicate(init_state(jax.random.key(0), Normed(), optimizer, IMAGES[:1]))
        for _ in range(4):
            batch = mesh.put(Samples(IMAGES, LABELS))
            state, _ = train_step(state, batch, jax.random.key(2))
        assert len(jax.tree.leaves(state)[0].sharding.device_set) == len(devices)
        finals.append(jax.tree.map(np.asarray, state))
    assert jax.tree.structure(finals[0]) == jax.tree.structure(finals[1])
    for one, eight in zip(*map(jax.tree.leaves, finals), strict=True):
        np.testing.assert_allclose(one, eight, rtol=1e-4, atol=1e-5)


def test_a_batch_that_cannot_be_split_evenly_is_refused():
    with pytest.raises(UserError, match="batch_size is 12, not a multiple of the 8 devices"):
        DataMesh().check_batch("batch_size", 12)


def test_one_process_reads_every_row_of_a_batch():
    mesh = DataMesh()
    share = Samples(mesh.share(IMAGES), mesh.share(LABELS))
    np.testing.assert_array_equal(share.features, IMAGES)
    batch = mesh.put(share)
    np.testing.assert_array_equal(batch.features, IMAGES)
    assert [shard.data.shape for shard in batch.labels.addressable_shards] == [(2,)] * 8


def test_randomness_of_a_step_depends_on_the_step():
    optimizer = optax.sgd(0.0)
    step = jax.jit(make_train_step(Normed(), optimizer, augment.none))
    state = init_state(jax.random.key(0), Normed(), optimizer, IMAGES[:1])
    batch, key = Samples(IMAGES, LABELS), jax.random.key(3)
    first, second = step(state, batch, key), step(state._replace(step=state.step + 1), batch, key)
    assert float(first[1]) == float(step(state, batch, key)[1])
    assert float(first[1]) != float(second[1])


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_others():
    images = jnp.asarray(IMAGES.repeat(50, axis=0))
    flipped = augment.flip(jax.random.key(0), images)
    same = (flipped == images).all((1, 2, 3))
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all()
    assert 0.4 < same.mean() < 0.6


def test_a_crop_shifts_by_up_to_an_eighth_of_the_side_and_fills_with_black():
    image = jnp.zeros((500, 32, 32, 1), jnp.uint8).at[:, 16, 15].set(7)
    cropped = np.asarray(augment.crop_flip(jax.random.key(0), image))
    assert cropped.dtype == np.uint8
    places = np.argwhere(cropped[..., 0] == 7)
    assert len(places) == 500  # the centre is never cropped away
    assert set(places[:, 1]) == set(range(12, 21))
    assert set(places[:, 2]) == set(range(11, 21))  # at 15, or at 16 where it is mirrored


def test_decay_is_on_matrices_alone():
    config = Config("digits", "digits_cnn", optimizer="sgd", learning_rate=1, weight_decay=0.1)
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    optimizer = make_optimizer(config, steps_per_epoch=10)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    assert (updates["kernel"] != 0).all()
    assert (updates["bias"] == 0).all()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 0, 5: 0.5, 10: 1, 109: 1}),
        ("cosine", {0: 0, 10: 1, 60: 0.5, 110: 0}),
        ("step", {10: 1, 59: 1, 61: 0.1, 84: 0.1, 86: 0.01}),
    ],
)
def test_schedules(schedule, expected):
    config = Config("d", "m", epochs=11, warmup_epochs=1, schedule=schedule, learning_rate=1)
    rate = make_schedule(config, steps_per_epoch=10)
    for step, value in expected.items():
        assert float(rate(step)) == pytest.approx(value, abs=1e-6)


def test_an_evaluation_counts_every_test_sample_once_and_asks_the_extra_task():
    task = ExtraTask("image", (6, 6, 1), num_classes=3, num_samples=20)
    extra = generate(extra_key(0), task)
    config = Config("digits", "linear", eval_batch_size=8)
    test = Samples(IMAGES[:13], LABELS[:13])  # 13 is no multiple of 8
    data = TrainingSet(test, test, 3, None, task, "")
    evaluate = make_evaluation(config, DataMesh(), Linear()).everything
    state = init_state(jax.random.key(0), Linear(), optax.sgd(0.1), IMAGES[:1])
    state = state._replace(tally=state.tally._replace(samples=jnp.int32(4), correct=jnp.int32(3)))
    row = evaluate(state, data, extra_key(0))  # all-zero logits answer class 0 to everything
    assert row["test_accuracy"] == (LABELS[:13] == 0).mean()
    assert row["extra_accuracy"] == pytest.approx(float((extra.labels == 0).mean()))
    assert row["train_accuracy"] == 0.75
    assert row["passed"] is False


def test_every_epoch_has_an_order_of_its_own_with_each_sample_once():
    orders = [epoch_order(jax.random.key(0), epoch, 100) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert (orders[0] != orders[1]).any()


def test_of_a_run_of_one_process_all_rows_are_its_own():
    rows = np.arange(48).reshape(16, 3)
    np.testing.assert_array_equal(DataMesh().share(rows), rows)


def test_the_initial_state_is_one_program_whatever_the_shapes_of_the_parameters(caplog):
    module, optimizer = models.create("mlp", num_classes=3), optax.adamw(1e-3)
    key, example = jax.random.key(0), np.ones((1, 7), np.float32)
    with caplog.at_level(logging.WARNING), jax.log_compiles():
        jax.block_until_ready(init_state(key, module, optimizer, example))
    compiled = [r.getMessage() for r in caplog.records if "Finished XLA" in r.getMessage()]
    assert len(compiled) == 1, compiled
