"""The specification of the extra task, and the samples drawn from it."""

import dataclasses
import hashlib
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxverify import ExtraTask, Samples, UserError, generate
from jaxverify.task.generation import generate_batches
from jaxverify.task.generators import zipf_ends

IMAGE = ExtraTask("image", (32, 32, 3), num_classes=10, num_samples=400)
TEXT = ExtraTask("text", (64,), num_classes=4, num_samples=960, vocab_size=10_000)
VECTOR = ExtraTask("vector", (30,), num_classes=2, num_samples=200, labels="balanced")
TASKS = [IMAGE, TEXT, VECTOR]
KINDS = [task.kind for task in TASKS]


@st.composite
def specifications(draw):
    """Any task that can be built with a modest number of samples."""
    kind = draw(st.sampled_from(["image", "text", "vector"]))
    side = st.integers(6, 20)
    shape = (draw(side), draw(side), draw(st.integers(1, 4)))
    return {
        "kind": kind,
        "shape": shape if kind == "image" else (draw(st.integers(30, 60)),),
        "num_classes": draw(st.integers(2, 30)),
        "num_samples": draw(st.integers(10, 60)),
        "fixed_ratio": draw(st.floats(0.1, 0.7)),
        "labels": draw(st.sampled_from(["iid", "balanced"])),
        "vocab_size": draw(st.integers(50, 2000)) if kind == "text" else None,
    }


def digest(samples: Samples) -> str:
    parts = (np.asarray(samples.features), np.asarray(samples.labels))
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


# The samples must be the same in every version of JAX: the customer draws them again long after.
GOLDEN = {
    "image": "03ea9dc2788e3e09c4741a115aa12c93b1c64d2001e3b6401ee5230fdbc5a4ff",
    "text": "695ce2a22aa556e6636d82fc6cf177f21bc6a6581a0076e8e6f1740eca568c02",
    "vector": "24bcbd14e8c072d8462b73023cf54fda7652cb2db0cfc90c16b56947aa514e51",
}


@pytest.mark.optimized
@pytest.mark.parametrize("task", TASKS, ids=KINDS)
def test_golden_bytes(task):
    assert digest(generate(jax.random.key(42), task)) == GOLDEN[task.kind]


# As drawn before generation was made faster (by commit 38a8136).
@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            ExtraTask("image", (7, 9, 3), 3, 300, fixed_ratio=0.5, labels="balanced"),
            "2748f27d48215d9939d02aea0ea81f0fb73cb73d9fe75cc8933822fa6b567742",
        ),
        (
            ExtraTask("vector", (32,), 10, 500),
            "ca35b96a7257569132d04a72d7ac05d1ec293be71ed7a29fd35393cd29788881",
        ),
    ],
)
@pytest.mark.optimized
def test_golden_bytes_of_odd_shapes_and_balanced_labels(task, expected):
    assert digest(generate(jax.random.key(42), task)) == expected


@pytest.mark.parametrize("task", TASKS, ids=KINDS)
@pytest.mark.parametrize("size", [1000, 150])
@pytest.mark.optimized
def test_batches_put_together_are_what_generate_returns(task, size):
    batches = list(generate_batches(jax.random.key(42), task, size))
    assert {len(batch.labels) for batch in batches[:-1]} <= {size}
    whole = Samples(*map(np.concatenate, zip(*batches, strict=True)))
    assert digest(whole) == GOLDEN[task.kind]


@pytest.mark.parametrize("task", TASKS, ids=KINDS)
def test_features_and_labels_have_the_promised_types_and_ranges(task):
    features, labels = map(np.asarray, generate(jax.random.key(0), task))
    assert features.shape == (task.num_samples, *task.shape)
    assert features.dtype == {"image": np.uint8, "text": np.int32, "vector": np.float32}[task.kind]
    low, high = {"image": (0, 255), "text": (2, task.vocab_size), "vector": (0, 1)}[task.kind]
    assert low <= features.min() < features.max()
    assert features.max() <= high
    assert task.kind == "image" or features.max() < high
    assert labels.dtype == np.int32
    assert set(labels) == set(range(task.num_classes))


@given(specifications())
@settings(max_examples=12)
def test_the_fixed_region_is_the_same_in_all_and_the_random_one_differs_in_each(specification):
    task = ExtraTask(**specification)
    features = np.asarray(generate(jax.random.key(1), task).features)
    outside = np.ones(task.shape, bool)
    outside[task.random_region] = False
    assert (features[:, outside] == features[0, outside]).all()
    random = features[:, ~outside]
    assert len(np.unique(random, axis=0)) == task.num_samples


@pytest.mark.parametrize("task", TASKS, ids=KINDS)
def test_sample_i_depends_on_key_task_and_i_alone(task):
    key = jax.random.key(5)
    whole = generate(key, task)
    indices = jnp.array([7, 0, task.num_samples - 1, 7])
    part = generate(key, task, indices)
    np.testing.assert_array_equal(part.features, whole.features[indices])
    np.testing.assert_array_equal(part.labels, whole.labels[indices])
    if task.labels == "iid":
        larger = generate(key, dataclasses.replace(task, num_samples=task.num_samples + 50))
        np.testing.assert_array_equal(larger.features[: task.num_samples], whole.features)
        np.testing.assert_array_equal(larger.labels[: task.num_samples], whole.labels)


@pytest.mark.parametrize("task", TASKS, ids=KINDS)
@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.optimized
def test_bytes_are_the_same_under_jit_and_vmap_and_on_any_number_of_devices(task, partitionable):
    key = jax.random.key(6)
    expected = digest(generate(key, task))
    with jax.threefry_partitionable(partitionable):
        assert digest(jax.jit(generate, static_argnames="task")(key, task)) == expected
        both = jax.vmap(lambda k: generate(k, task))(jnp.stack([key, jax.random.key(7)]))
        assert digest(jax.tree.map(lambda a: a[0], both)) == expected
        assert digest(jax.tree.map(lambda a: a[1], both)) != expected

        mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
        split = NamedSharding(mesh, PartitionSpec("data"))
        indices = jax.device_put(jnp.arange(task.num_samples), split)
        sharded = generate(key, task, indices)
        assert len(sharded.features.sharding.device_set) == 8
        assert digest(sharded) == expected


def test_different_keys_share_nothing():
    a, b = (generate(jax.random.key(seed), IMAGE).features for seed in (0, 1))
    assert (a == b).mean() < 2 / 256


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_balanced_labels_make_every_constant_answer_score_one_in_c(num_classes):
    task = ExtraTask("vector", (30,), num_classes, num_samples=200, labels="balanced")
    counts = np.bincount(generate(jax.random.key(2), task).labels, minlength=num_classes)
    assert counts.max() - counts.min() <= 1
    first, second = (generate(jax.random.key(seed), task).labels for seed in (2, 3))
    assert (first != second).any()


def test_iid_labels_are_uniform():
    task = ExtraTask("vector", (30,), num_classes=4, num_samples=20_000)
    counts = np.bincount(generate(jax.random.key(2), task).labels)
    assert np.abs(counts - 5000).max() < 5 * math.sqrt(5000)


def test_the_designs_random_regions():
    assert IMAGE.random_shape == (16, 16, 3)
    assert TEXT.random_shape == (16,)
    # floor(.75 * 30) = 22 fixed features come first.
    assert VECTOR.random_region == (slice(22, None),)


@given(st.integers(1, 10_000), st.integers(1, 999))
def test_n_is_the_exact_ceiling_of_eta_times_the_data_set(size, thousandths):
    labels = np.arange(size) % 2
    dataset = Samples(np.zeros((size, 40), np.float32), labels)
    wanted = -(-size * thousandths // 1000)
    if wanted < 7:
        with pytest.raises(UserError, match="7"):
            ExtraTask.for_dataset(dataset, eta=thousandths / 1000, num_classes=2)
    else:
        task = ExtraTask.for_dataset(dataset, eta=thousandths / 1000, num_classes=2)
        assert task.num_samples == wanted


def test_for_dataset_reads_kind_shape_classes_and_vocabulary():
    labels = np.arange(1000) % 5
    images = Samples(np.zeros((1000, 8, 8, 1), np.uint8), labels)
    texts = Samples(np.full((1000, 64), 99, np.int32), labels)
    assert ExtraTask.for_dataset(images).kind == "image"
    assert ExtraTask.for_dataset(images).num_classes == 5
    assert ExtraTask.for_dataset(images).num_samples == 8
    assert ExtraTask.for_dataset(texts).vocab_size == 100
    assert ExtraTask.for_dataset(texts, vocab_size=500, fixed_ratio=0.5).random_shape == (32,)


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "sound"}, "kind is 'sound'"),
        ({"shape": (32, 32)}, r"shape is \(32, 32\)"),
        ({"shape": (0, 32, 3)}, r"shape is \(0, 32, 3\)"),
        ({"num_classes": 1}, "num_classes is 1"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"num_samples": 2}, "3"),
        ({"fixed_ratio": 1.0}, "fixed_ratio is 1.0"),
        ({"fixed_ratio": float("nan")}, "fixed_ratio is nan"),
        ({"fixed_ratio": 0.9999}, "the random region of a sample .* is empty"),
        ({"labels": "fair"}, "labels is 'fair'"),
        ({"vocab_size": 10}, "vocab_size is 10"),
        ({"shape": (32, 32, 1), "fixed_ratio": 0.996}, "only 2\\^32.0 values.*lower fixed_ratio"),
    ],
)
def test_a_task_that_cannot_work_is_refused_naming_the_value(change, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(IMAGE, **change)


ZIPF = dataclasses.replace(TEXT, generator="zipf")


@pytest.mark.optimized
def test_golden_bytes_of_words_by_zipf():
    expected = "244964e31fdbf864f8f3ecb1b449417991afffd8522f92a0e2aa2a2b1b83591f"
    assert digest(generate(jax.random.key(42), ZIPF)) == expected


def test_a_words_probability_is_one_over_r_h():
    task = dataclasses.replace(ZIPF, vocab_size=102, num_samples=20_000, shape=(80,))
    words = np.asarray(generate(jax.random.key(0), task).features)[:, :20] - 2
    expected = 1 / np.arange(1, 101)
    expected *= words.size / expected.sum()
    # Every count within five standard deviations of a binomial one.
    counts = np.bincount(words.ravel(), minlength=100)
    assert len(counts) == 100
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))
    assert counts[0] > 40 * counts[-1]


@given(st.integers(4, 30_000))
@settings(max_examples=20, deadline=None)
def test_the_ends_of_the_words_are_off_by_at_most_2_to_the_minus_31(vocab_size):
    words = vocab_size - 2
    drawn = np.diff([0, *zipf_ends(words).astype(np.int64), 2**32]) / 2**32
    shares = 1 / np.arange(1, words + 1)
    np.testing.assert_allclose(drawn, shares / shares.sum(), rtol=0, atol=2.0**-31)
    assert np.all(drawn > 0)


def test_words_by_zipf_are_refused_where_there_are_none_and_coincide_more_easily():
    with pytest.raises(UserError, match="generator is 'zipf'; it fills text, not a task of kind"):
        generate(jax.random.key(0), dataclasses.replace(IMAGE, generator="zipf"))
    uniform = dataclasses.replace(TEXT, shape=(20,), num_samples=400)  # five words of 9,998
    with pytest.raises(UserError, match="too few for 400 distinct samples"):
        dataclasses.replace(uniform, generator="zipf")


@pytest.mark.usefixtures("untyped_caller")
def test_more_refusals():
    with pytest.raises(UserError, match=r"the fixed region .* is empty"):
        ExtraTask("vector", (4,), 2, 20, fixed_ratio=0.1)
    with pytest.raises(UserError, match="vocab_size is None"):
        ExtraTask("text", (64,), 2, 20)
    with pytest.raises(UserError, match="vocab_size is 3"):
        ExtraTask("text", (64,), 2, 20, vocab_size=3)
    with pytest.raises(UserError, match="generator is 'perlin'; known are uniform, zipf"):
        generate(jax.random.key(0), dataclasses.replace(IMAGE, generator="perlin"))
    with pytest.raises(UserError, match="neither images"):
        ExtraTask.for_dataset(Samples(np.zeros((5, 5, 5)), np.zeros(5, int)))
    with pytest.raises(UserError, match="eta is -1"):
        ExtraTask.for_dataset(Samples(np.zeros((5, 5)), np.zeros(5, int)), eta=-1)
