"""The networks: exactly the sizes of the paper's Table 1, and fit for what the loop does."""

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxverify import UserError, models

RNG = np.random.default_rng(0)
IMAGES = jnp.asarray(RNG.integers(0, 256, (8, 32, 32, 3), np.uint8))
DIGITS = jnp.asarray(RNG.integers(0, 256, (8, 8, 8, 1), np.uint8))
TOKENS = jnp.asarray(RNG.integers(0, 50, (8, 20), np.int32))
INPUTS = {
    "resnet34": IMAGES,
    "vgg11": IMAGES,
    "vgg11_bn": IMAGES,
    "digits_cnn": DIGITS,
    "textcnn": TOKENS,
    "att_blstm": TOKENS,
    "text_transformer": TOKENS,
    "vision_transformer": DIGITS,
}
SMALL = ["digits_cnn", "textcnn", "att_blstm", "text_transformer", "vision_transformer"]


def shapes(name: str, num_classes: int, vocab_size: int):
    """The variables' shapes, nothing computed."""
    module = models.create(name, num_classes=num_classes, vocab_size=vocab_size)
    return jax.eval_shape(module.init, jax.random.key(0), INPUTS[name])


@cache
def initialised(name: str, seed: int = 1):
    module = models.create(name, num_classes=3, vocab_size=50)
    return module, jax.jit(module.init)(jax.random.key(seed), INPUTS[name])


@pytest.mark.parametrize(
    ("name", "num_classes", "count"),
    [
        ("resnet34", 10, 21_289_802),
        ("resnet34", 100, 21_335_972),
        ("vgg11", 10, 9_750_922),
        ("vgg11", 100, 9_797_092),
        ("vgg11_bn", 10, 9_750_922 + 2 * 2_752),  # a scale and a bias for each of 2,752 channels
        ("textcnn", 2, 1_120_902),
        ("textcnn", 4, 1_121_504),
        ("att_blstm", 2, 1_629_506),
        ("att_blstm", 4, 1_630_020),
    ],
)
def test_parameter_counts_of_table_1(name, num_classes, count):
    params = shapes(name, num_classes, 10_000)["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == count


def test_the_stem_for_small_images_keeps_their_size_longer():
    stems = [models.create(name, num_classes=10) for name in ("resnet34", "resnet34_cifar")]
    kernels = [
        jax.eval_shape(module.init, jax.random.key(0), IMAGES)["params"]["Conv_0"]["kernel"].shape
        for module in stems
    ]
    assert kernels == [(7, 7, 3, 64), (3, 3, 3, 64)]


@pytest.mark.parametrize("name", SMALL)
def test_inference_is_deterministic_and_its_logits_are_float32(name):
    module, variables = initialised(name)
    logits = jax.jit(models.Inference(module))(variables, INPUTS[name])
    assert logits.shape == (8, 3)
    assert logits.dtype == jnp.float32
    np.testing.assert_array_equal(logits, jax.jit(module.apply)(variables, INPUTS[name]))


@pytest.mark.parametrize("name", ["textcnn", "att_blstm", "text_transformer"])
def test_dropout_acts_in_training_alone(name):
    module, variables = initialised(name)
    keys = jax.random.split(jax.random.key(2), 2)
    train = jax.jit(lambda key: module.apply(variables, TOKENS, train=True, rngs={"dropout": key}))
    one, two = map(train, keys)
    assert not np.allclose(one, two)


def test_batch_statistics_move_in_training_and_are_frozen_in_inference():
    module = models.resnet.BasicBlock(4, 2)
    x = jax.random.normal(jax.random.key(0), (8, 4, 4, 3))
    variables = jax.jit(partial(module.init, train=False))(jax.random.key(1), x)
    learn = jax.jit(partial(module.apply, train=True, mutable=["batch_stats"]))
    _, moved = learn(variables, x)
    means = [tree["batch_stats"]["BatchNorm_0"]["mean"] for tree in (variables, moved)]
    assert not np.allclose(*means)
    ask = jax.jit(partial(module.apply, train=False))
    batch, one = (ask(variables, part) for part in (x, x[:1]))
    np.testing.assert_allclose(batch[:1], one, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_stacked_checkpoints_are_asked_under_vmap(name):
    module, first = initialised(name)
    _, second = initialised(name, seed=2)
    ask = jax.jit(models.Inference(module))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), first, second)
    both = jax.jit(jax.vmap(ask, in_axes=(0, None)))(stacked, INPUTS[name])
    np.testing.assert_allclose(both[0], ask(first, INPUTS[name]), atol=1e-5)
    np.testing.assert_allclose(both[1], ask(second, INPUTS[name]), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_of_single_samples_sum_to_the_gradient_of_the_batch(name):
    module, variables = initialised(name)

    def loss(variables, x):
        return jax.nn.logsumexp(module.apply(variables, x), axis=-1).sum()

    gradient = jax.grad(loss)
    each = jax.jit(jax.vmap(gradient, in_axes=(None, 0)))(variables, INPUTS[name][:, None])
    whole = jax.jit(gradient)(variables, INPUTS[name])
    for single, batch in zip(*map(jax.tree.leaves, (each, whole)), strict=True):
        np.testing.assert_allclose(single.sum(0), batch, atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_split_over_eight_devices_gives_the_same_logits(name):
    module, variables = initialised(name)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    split = jax.device_put(INPUTS[name], NamedSharding(mesh, PartitionSpec("data")))
    ask = jax.jit(models.Inference(module))
    logits = ask(variables, split)
    assert len(logits.sharding.device_set) == 8
    np.testing.assert_allclose(logits, ask(variables, INPUTS[name]), atol=1e-5)


def test_equal_arguments_give_equal_modules():
    one, two = (models.Inference(models.create("vgg11", num_classes=3)) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one != models.Inference(models.create("vgg11", num_classes=4))
    for dtype in ("float32", jnp.float32, jnp.dtype("float32"), "bfloat16"):
        other = models.Inference(models.create("vgg11", num_classes=3, dtype=dtype))
        assert (other == one) == (hash(other) == hash(one)) == (dtype != "bfloat16")


def test_an_unknown_model_is_refused_naming_the_nearest():
    with pytest.raises(UserError, match="'resnet43'; did you mean 'resnet34'"):
        models.create("resnet43", num_classes=10)
    with pytest.raises(UserError, match="textcnn reads text, and vocab_size is missing"):
        models.create("textcnn", num_classes=10)


@pytest.mark.parametrize(
    ("name", "features", "message"),
    [
        ("textcnn", TOKENS[:, :4], "reads 5 words at a time, and the texts have 4"),
        ("vgg11", DIGITS, "8x8 is too small, 32x32 is the least"),
    ],
)
def test_inputs_too_small_for_a_model_are_refused(name, features, message):
    module = models.create(name, num_classes=3, vocab_size=50)
    with pytest.raises(UserError, match=message):
        module.init(jax.random.key(0), features)
