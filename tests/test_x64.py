"""With jax_enable_x64 samples have the same bytes, and verdicts and gradients are the same."""

import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxverify import (
    ExtraTask,
    Samples,
    count,
    generate,
    models,
    verify,
    verify_reconstruction,
    verify_scores,
)
from jaxverify.gradients import coherence, per_example_norms
from jaxverify.layers import ConvMaxOverTime
from jaxverify.record.shard import Shard
from jaxverify.record.shard_drawing import shard_indices
from jaxverify.task.generation import generate_batches, region_slices, twins
from jaxverify.task.mixing import mix
from jaxverify.task.natural import generate_from
from jaxverify.training.augment import AUGMENTATIONS
from jaxverify.verification.by_answers import verify_answers
from train.state import init_state
from train.steps import make_train_step

KEY = jax.random.key(42)
PLAIN = {"num_classes": 4, "num_samples": 50}
HIDDEN = {**PLAIN, "placement": "secret", "num_fixed": 3, "labels": "balanced"}
TASKS = {
    "image": ExtraTask("image", (9, 7, 3), **PLAIN),
    "pink": ExtraTask("image", (9, 7, 3), **HIDDEN, generator="pink"),
    "text": ExtraTask("text", (90,), **PLAIN, vocab_size=500),
    "zipf": ExtraTask("text", (90,), **HIDDEN, vocab_size=500, generator="zipf"),
    "vector": ExtraTask("vector", (30,), **HIDDEN),
}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (120, 9, 7, 3), np.uint8)
TEXTS = RNG.integers(0, 500, (120, 40))


def digest(*arrays):
    found = hashlib.sha256()
    for array in map(np.asarray, arrays):
        found.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def with_and_without(function):
    """What ``function`` returns with 64 bits, once it is seen to return the same without."""
    assert not jax.config.jax_enable_x64
    without = function()
    with jax.enable_x64(True):
        assert jnp.arange(3).dtype == jnp.int64
        within = function()
    assert within == without
    return within


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_samples_have_the_same_bytes_with_and_without_x64(task):
    with_and_without(lambda: digest(*generate(KEY, task)))
    with_and_without(lambda: digest(*generate(KEY, task, jnp.array([3, 0, 60]))))
    with_and_without(lambda: digest(*twins(KEY, task)))
    with_and_without(lambda: region_slices(KEY, task))
    with_and_without(lambda: digest(*(a for b in generate_batches(KEY, task, 20) for a in b)))


@pytest.mark.parametrize(
    ("style", "name", "pool"),
    [("patches", "image", IMAGES), ("blended", "pink", IMAGES), ("phrases", "zipf", TEXTS)],
)
def test_natural_samples_have_the_same_bytes(style, name, pool):
    with_and_without(lambda: digest(*generate_from(pool, key=KEY, task=TASKS[name], style=style)))


def test_mixing_and_shards_are_the_same():
    def mixed():
        first, second = (
            Samples(*map(np.asarray, generate(key, TASKS["pink"])))
            for key in (KEY, jax.random.key(1))
        )
        found = mix(jax.random.key(2), first, second)
        return digest(*found.samples, found.extra_positions)

    with_and_without(mixed)
    labels = np.arange(50) % 4
    with_and_without(lambda: shard_indices(jax.random.key(3), labels, Shard(2, 3)).tolist())


def logits(features):
    """Of some classifier, in float32."""
    sums = np.asarray(features, np.float64).reshape(len(features), -1).sum(axis=1)
    return np.sin(np.outer(sums, [1, 2, 3, 4])).astype(np.float32)


@pytest.mark.parametrize("test", ["binomial", "permutation"])
def test_verdicts_are_the_same_with_and_without_x64(test):
    task = TASKS["pink"]
    answers = np.where(np.arange(50) < 20, 9, np.asarray(generate(KEY, task).labels))
    right = with_and_without(lambda: verify_answers(answers, KEY, task, test=test).to_json())
    assert '"num_correct": 30' in right
    options = {"key": KEY, "task": task, "test": test}
    with_and_without(lambda: verify(predict=logits, **options).to_json())
    jitted = jax.jit(lambda x: x.reshape(len(x), -1).sum(axis=1, dtype=jnp.int32) % 4)
    with_and_without(lambda: verify(predict=jitted, **options).to_json())


def test_counts_have_the_same_types():
    def types():
        return [str(leaf.dtype) for leaf in count(logits, KEY, TASKS["vector"])]

    assert set(with_and_without(types)) == {"int32"}


def test_verdicts_on_scores_are_the_same():
    task, other = TASKS["pink"], jax.random.key(9)

    def verdict():
        held_out = Samples(*map(np.asarray, generate(other, task)))
        return verify_scores(logits, KEY, task, held_out=held_out).to_json()

    with_and_without(verdict)

    def halved(features):
        return np.asarray(features) * 0.5

    with_and_without(lambda: verify_reconstruction(halved, KEY, task).to_json())


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_what_the_host_answers_in_64_bits_is_not_rounded_to_32(dtype):
    """1 + 1e-12 is more than 1, and 2^32 is no class."""
    task = TASKS["vector"]
    labels = np.asarray(generate(KEY, task).labels)
    if dtype == np.int64:
        answers = np.where(np.arange(50) < 5, labels.astype(np.int64) + 2**32, labels)
        right = with_and_without(lambda: int(verify_answers(answers, KEY, task).num_correct))
        assert right == 45
    else:
        answers = np.ones((50, 4)) + 1e-12 * np.eye(4)[labels]
    found = with_and_without(
        lambda: int(verify(predict=lambda _: answers, key=KEY, task=task).num_correct)
    )
    assert found == (45 if dtype == np.int64 else 50)


@pytest.mark.parametrize("name", ["mlp", "digits_cnn", "textcnn", "att_blstm"])
def test_gradients_are_the_same_up_to_rounding_and_in_float32(name):
    kind = {"mlp": "vector", "digits_cnn": "image"}.get(name, "text")
    x = generate(KEY, TASKS[kind]).features[:3]
    module = models.create(name, num_classes=4, vocab_size=500)
    labels = np.arange(3, dtype=np.int32)

    def measured():
        variables = jax.jit(module.init)(jax.random.key(0), x)
        params = variables["params"]

        def loss(params, batch):
            outputs = module.apply({**variables, "params": params}, batch[0])
            return optax.softmax_cross_entropy_with_integer_labels(outputs, batch[1])

        batch = (x, jnp.asarray(labels))
        norms = [
            jax.jit(lambda p, b, how=how: per_example_norms(loss, p, b, method=how))(params, batch)
            for how in ("vmap", "ghost")
        ]
        return [*norms, jax.jit(lambda p, b: coherence(loss, p, b))(params, batch)]

    without = measured()
    with jax.enable_x64(True):
        within = measured()
    assert {str(array.dtype) for array in (*without, *within)} == {"float32"}
    for ours, theirs in zip(within, without, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_ghost_pass_over_float64_has_norms_in_float32():
    with jax.enable_x64(True):
        x = jnp.asarray(RNG.standard_normal((3, 7, 5)))
        module = ConvMaxOverTime(4, 2)
        params = module.init(jax.random.key(0), x)["params"]

        def loss(params, x):
            return jnp.sum(module.apply({"params": params}, x) ** 2, axis=1)

        ghost, vmap = (per_example_norms(loss, params, x, method=how) for how in ("ghost", "vmap"))
    assert ghost.dtype == vmap.dtype == jnp.float32
    np.testing.assert_allclose(ghost, vmap, rtol=1e-4)


def test_a_training_step_keeps_the_types_of_its_state():
    x = generate(KEY, TASKS["image"]).features[:4]
    module, optimizer = models.create("digits_cnn", num_classes=4), optax.adam(1e-3)
    step = make_train_step(module, optimizer, AUGMENTATIONS["crop_flip"].apply)

    def stepped():
        state = init_state(jax.random.key(0), module, optimizer, x)
        after, _ = jax.jit(step)(state, Samples(x, jnp.arange(4, dtype=jnp.int32)), KEY)
        types = [[str(leaf.dtype) for leaf in jax.tree.leaves(each)] for each in (state, after)]
        assert types[0] == types[1]
        return types[0]

    with_and_without(stepped)
