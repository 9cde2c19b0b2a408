"""Extra samples in several copies: dealt out by the key, varied a little, tested exactly."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom

from jaxverify import ExtraTask, UserError, generate
from jaxverify.stats.doses import dose_response, used_p_value
from jaxverify.task.doses import Doses, copies, doses_of
from jaxverify.task.generation import labels_of, region_slices

KEY = jax.random.key(4)
TASKS = {
    "noise": ExtraTask("image", (16, 16, 3), 10, 60, labels="balanced"),
    "smooth": ExtraTask("image", (16, 16, 3), 10, 60, labels="balanced", generator="pink"),
    "gratings": ExtraTask("image", (16, 16, 3), 10, 60, labels="balanced", generator="gratings"),
    "text": ExtraTask("text", (80,), 4, 60, vocab_size=500, labels="balanced", generator="zipf"),
    "vector": ExtraTask("vector", (30,), 4, 60, labels="balanced", placement="corner"),
    "secret": ExtraTask("image", (16, 16, 1), 4, 60, placement="secret", num_fixed=3),
}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_with_the_one_dose_1_they_are_the_extra_task_byte_for_byte(task):
    made, plain = copies(KEY, task, Doses((1,))), generate(KEY, task)
    for one, other in zip(made.samples, plain, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert made.of.tolist() == list(range(60))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_each_sample_stands_there_as_often_as_its_dose_says_each_copy_a_little_different(task):
    doses = Doses((0, 1, 3, 5))
    each, made = doses_of(KEY, task, doses), copies(KEY, task, doses)
    assert np.bincount(made.of, minlength=60).tolist() == each.tolist()
    assert sorted(np.bincount(each).tolist()) == [0, 0, 15, 15, 15, 15]
    features, plain = np.asarray(made.samples.features), generate(KEY, task)
    assert len({row.tobytes() for row in features}) == len(features)  # no exact duplicate
    inside = (slice(None), *region_slices(KEY, task))
    outside = np.ones(task.shape, bool)
    outside[inside[1:]] = False
    for i in np.flatnonzero(each):
        mine = features[made.of == i]
        assert np.array_equal(mine[0], np.asarray(plain.features)[i])
        assert (np.asarray(made.samples.labels)[made.of == i] == np.asarray(plain.labels)[i]).all()
        assert (mine[:, outside] == mine[0][outside]).all()
        if task.kind == "text":  # the same words, beginning elsewhere
            assert all(sorted(row) == sorted(mine[0].tolist()) for row in mine.tolist())
        elif task.generator != "gratings":  # these have other phases
            apart = np.abs(mine[1:].astype(float) - mine[0].astype(float))
            assert (apart <= (3 if task.kind == "image" else 2**-4)).all()


def test_copies_of_gratings_are_alike_but_for_a_shift():
    """The amplitude of each wave is the same in all copies, and differs between samples."""
    made = copies(KEY, TASKS["gratings"], Doses((0, 8)))
    region = (slice(None), *region_slices(KEY, TASKS["gratings"]))
    pixels = np.asarray(made.samples.features)[region].astype(float)
    first, second = pixels[made.of == made.of[0]][:2]
    assert np.abs(first - second).mean() > 10  # shifted, not the same picture with some noise
    spectra = np.abs(np.fft.fft2(pixels, axes=(1, 2)))
    flat = spectra.reshape(len(made.of), -1)[:, 3:]  # without the mean of each colour
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    alike = unit @ unit.T
    same = made.of[:, None] == made.of[None]
    assert np.median(alike[same]) > 0.9
    assert np.median(alike[~same]) < 0.6


def test_copy_j_of_sample_i_depends_on_key_task_i_and_j_alone():
    task = TASKS["noise"]
    few, many = copies(KEY, task, Doses((0, 2))), copies(KEY, task, Doses((0, 4)))
    for i in np.unique(few.of):
        mine, theirs = (np.asarray(c.samples.features)[c.of == i] for c in (few, many))
        assert np.array_equal(mine, theirs[:2])


def test_gratings_are_made_of_integers_alone_and_have_the_same_bytes_on_every_machine():
    digest = hashlib.sha256(np.asarray(generate(KEY, TASKS["gratings"]).features).tobytes())
    assert digest.hexdigest()[:16] == "ee141f020cbb18f3"
    pixels = np.asarray(generate(KEY, TASKS["gratings"]).features)[:, :8, :8]
    assert 110 < pixels.mean() < 145
    with pytest.raises(UserError, match="it fills images, not kind 'vector'"):
        generate(KEY, ExtraTask("vector", (30,), 4, 60, generator="gratings"))


def test_every_way_to_deal_the_doses_out_is_equally_likely():
    task = ExtraTask("vector", (30,), 2, 40)
    dealt = [doses_of(jax.random.key(s), task, Doses((0, 1))) for s in range(400)]
    often = np.mean(dealt, axis=0)
    assert np.abs(often - 0.5).max() < 0.12  # four standard deviations and more
    labels = np.array([generate(jax.random.key(s), task).labels for s in range(400)])
    assert abs(np.corrcoef(labels.ravel(), np.ravel(dealt))[0, 1]) < 0.035


@pytest.mark.parametrize("bias", [0.05, 0.3, 0.9])
def test_if_doses_are_dealt_out_at_random_used_p_value_is_at_most_alpha_as_often(bias):
    rng = np.random.default_rng(0)
    doses = np.repeat([0, 1, 4, 16], 20)
    right = rng.random(80) < bias  # of a model that was given none of them
    values = [
        used_p_value(right, rng.permutation(doses), num_permutations=999) for _ in range(3000)
    ]
    for alpha in (0.01, 0.05, 0.3):
        often = int(np.sum(np.array(values) <= alpha))
        assert binom.sf(often - 1, 3000, alpha) > 1e-4


def test_so_it_is_where_doses_are_dealt_out_beside_each_label_and_a_model_prefers_one():
    task = ExtraTask("vector", (30,), 3, 54, labels="balanced")
    rng, values = np.random.default_rng(0), []
    for seed in range(500):
        key = jax.random.key(seed)
        labels = np.asarray(labels_of(key, task))
        right = rng.random(54) < np.array([0.9, 0.2, 0.1])[labels]
        values.append(used_p_value(right, doses_of(key, task, Doses((0, 1, 4))), labels, 999))
    for alpha in (0.01, 0.05, 0.3):
        assert binom.sf(int(np.sum(np.array(values) <= alpha)) - 1, 500, alpha) > 1e-4


def test_the_labels_alone_are_those_of_the_samples():
    for task in TASKS.values():
        assert np.array_equal(labels_of(KEY, task), generate(KEY, task).labels)


def test_a_model_that_was_given_the_samples_and_knows_them_was_trained_on_them():
    doses = np.array([0, 1, 4, 16] * 25)
    rng = np.random.default_rng(0)
    right = rng.random(100) < np.where(doses == 16, 0.9, 0.1)
    assert used_p_value(right, doses) < 1e-3
    rows = dose_response(right, doses, 10)
    assert [row.dose for row in rows] == [0, 1, 4, 16]
    assert rows[-1].lower > 0.4 > rows[0].upper
    assert all(row.num_samples == 25 for row in rows)


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize("levels", [(), (0,), (1, 1), (4, 1), (-1, 2), (65,), (1.5,), (True, 2.0)])
def test_what_are_no_doses_is_refused(levels):
    with pytest.raises(UserError, match="they are different whole numbers from 0 to 64"):
        Doses(levels)


def test_a_control_is_needed_and_as_many_doses_as_answers():
    right = np.ones(8, bool)
    for doses in (np.ones(8, int), np.zeros(8, int)):
        with pytest.raises(UserError, match="a control is missing"):
            used_p_value(right, doses)
    with pytest.raises(UserError, match="8 answers and 7 doses"):
        used_p_value(right, np.arange(7))


def test_doses_are_the_same_under_x64():
    task = TASKS["gratings"]
    expected = copies(KEY, task, Doses((0, 1, 3)))
    with jax.enable_x64(True):
        wide = copies(KEY, task, Doses((0, 1, 3)))
    assert np.array_equal(expected.of, wide.of)
    assert np.array_equal(expected.samples.features, wide.samples.features)
    assert jnp.asarray(wide.samples.features).dtype == jnp.uint8
