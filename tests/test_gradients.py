"""Norms of single samples' gradients: equal to a loop's, or refused."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import UserError, models
from jaxverify.gradients import per_example_norms
from jaxverify.gradients.ghost import products
from jaxverify.layers import LSTM, Conv, ConvMaxOverTime
from jaxverify.layers.convolution import geometry
from jaxverify.layers.lowerings import native, out_sizes

TOKENS = jnp.asarray(np.random.default_rng(0).integers(0, 50, (3, 20), np.int32))


def drawn(*shape):
    """Normal numbers from NumPy, which need no compilation for each shape."""
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def pixels(*shape):
    """Random images, also from NumPy."""
    return jnp.asarray(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def loss_of(module, x, **call):
    """A loss that weighs every output of ``module`` differently, its parameters and a batch."""
    shapes = jax.eval_shape(partial(module.init, **call), jax.random.key(0), x)
    variables = jax.tree.map(lambda leaf: drawn(*leaf.shape), shapes)
    variables["batch_stats"] = jax.tree.map(jnp.abs, variables.get("batch_stats", {}))

    def loss(params, batch):
        y = module.apply({**variables, "params": params}, batch, **call)
        return jnp.sin(y).reshape(len(batch), -1) @ weights

    y = jax.eval_shape(partial(module.apply, **call), variables, x)
    weights = drawn(y.size // len(x))
    return loss, variables["params"], x


def by_loop(loss, params, batch):
    """One gradient after another, as anybody would write it."""
    norms = []
    for i in range(len(jax.tree.leaves(batch)[0])):
        sample = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], batch)
        gradient = jax.grad(lambda params, sample=sample: loss(params, sample)[0])(params)
        squares = [np.sum(np.square(np.asarray(leaf))) for leaf in jax.tree.leaves(gradient)]
        norms.append(np.sqrt(sum(squares)))
    return np.array(norms)


def assert_ghost_is_vmap(loss, params, batch, rtol=1e-4, **options):
    ghost, vmap = jax.jit(
        lambda params, batch: [
            per_example_norms(loss, params, batch, method="ghost"),
            per_example_norms(loss, params, batch, method="vmap", **options),
        ]
    )(params, batch)
    assert np.min(vmap) > 0
    np.testing.assert_allclose(ghost, vmap, rtol=rtol)


def refused(loss, params, batch, message, **options):
    with pytest.raises(UserError, match=message):
        per_example_norms(loss, params, batch, **{"method": "ghost", **options})


class Chain(nn.Module):
    """Layers one after the other, each with a nonlinearity, over samples of any shape."""

    layers: tuple

    @nn.compact
    def __call__(self, x):
        for layer in self.layers:
            x = jnp.tanh(layer(x))
        return x


class Shared(nn.Module):
    """One dense layer, used twice."""

    @nn.compact
    def __call__(self, x):
        dense = nn.Dense(x.shape[-1])
        return dense(jnp.tanh(dense(x)))


class Queries(nn.Module):
    """A parameter with a row for every sample, which a dense layer reads."""

    @nn.compact
    def __call__(self, x):
        return x[:, :1] * nn.Dense(2)(self.param("queries", nn.initializers.ones, (3, 4)))


class Merged(nn.Module):
    """A dense layer that reads time on its first axis, and two samples at a time on the second."""

    @nn.compact
    def __call__(self, x):
        n, time, channels = x.shape
        y = nn.Dense(2)(x.swapaxes(0, 1).reshape(time, n // 2, 2 * channels))
        return y.repeat(2, axis=1).swapaxes(0, 1)


class Crossed(nn.Module):
    """A dense layer that reads every pair of samples."""

    @nn.compact
    def __call__(self, x):
        pairs = x[:, None] * jnp.eye(len(x))[..., None]
        return nn.Dense(2)(pairs).sum(axis=1)


class Tied(nn.Module):
    """An embedding that is also the output layer."""

    @nn.compact
    def __call__(self, x):
        embed = nn.Embed(9, 4)
        return embed.attend(embed(x))


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_vmap_gives_the_norms_of_a_loop_for_any_microbatch_size(size):
    loss, params, x = loss_of(Chain((nn.Dense(4), nn.Dense(3))), drawn(7, 5))
    norms = per_example_norms(loss, params, x, microbatch_size=size)
    np.testing.assert_allclose(norms, by_loop(loss, params, x), rtol=1e-5)


def test_ghost_gives_the_norms_of_a_loop_with_and_without_jit():
    loss, params, x = loss_of(Chain((Conv(4, (3, 3)), nn.Dense(3))), drawn(5, 4, 4, 2))
    plain = per_example_norms(loss, params, x, method="ghost")
    jitted = jax.jit(partial(per_example_norms, loss, method="ghost"))(params, x)
    np.testing.assert_allclose(plain, by_loop(loss, params, x), rtol=1e-5)
    np.testing.assert_allclose(jitted, plain, rtol=1e-5)


# The networks for images without the layers that repeat another's shapes.
STAGES = {
    "jaxverify.models.resnet._STAGES": ((64, 1), (128, 1), (256, 1), (512, 1)),
    "jaxverify.models.vgg._LAYERS": (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 0),
}


@pytest.mark.parametrize(
    ("name", "x"),
    [
        pytest.param(
            "digits_cnn",
            pixels(3, 8, 8, 1),
            marks=pytest.mark.optimized,
        ),
        pytest.param("textcnn", TOKENS, marks=pytest.mark.optimized),
        ("text_transformer", TOKENS),
        ("vision_transformer", pixels(3, 16, 16, 3)),
        pytest.param("att_blstm", TOKENS, marks=[pytest.mark.slow, pytest.mark.optimized]),
        pytest.param(
            "vgg11",
            pixels(2, 32, 32, 3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "resnet34",
            pixels(2, 32, 32, 3),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_ghost_equals_vmap_on_every_model(name, x, monkeypatch):
    for place, layers in STAGES.items():
        monkeypatch.setattr(place, layers)
    module = models.create(name, num_classes=3, vocab_size=50)
    shapes = jax.eval_shape(module.init, jax.random.key(4), x)
    variables = jax.tree.map(lambda leaf: drawn(*leaf.shape) / leaf.size**0.3, shapes)
    variables["batch_stats"] = jax.tree.map(jnp.ones_like, variables.get("batch_stats", {}))
    params = variables.pop("params")

    def loss(params, batch):
        logits = module.apply({"params": params, **variables}, batch["x"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["labels"])

    assert_ghost_is_vmap(loss, params, {"x": x, "labels": jnp.arange(len(x))}, microbatch_size=2)


@given(
    positions=st.lists(st.integers(1, 6), max_size=2),
    features=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    use_bias=st.booleans(),
)
@settings(max_examples=8)
def test_ghost_of_a_dense_layer_at_any_number_of_positions(positions, features, use_bias):
    module = nn.Dense(features[1], use_bias=use_bias)
    assert_ghost_is_vmap(*loss_of(module, drawn(3, *positions, features[0])))


@given(vocab_size=st.integers(1, 12), length=st.integers(1, 9), seed=st.integers(0, 9))
@settings(max_examples=8)
def test_ghost_adds_up_the_gradients_of_repeated_tokens(vocab_size, length, seed):
    tokens = np.random.default_rng(seed).integers(0, vocab_size, (4, length), np.int32)
    module = Chain((nn.Embed(vocab_size, 3), nn.Dense(2)))
    assert_ghost_is_vmap(*loss_of(module, jnp.asarray(tokens)))


@pytest.mark.parametrize(("channels", "features"), [(1, 2), (6, 8)], ids=["product", "gram"])
@given(
    axes=st.lists(
        st.tuples(st.integers(3, 6), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=2
    ),
    padding=st.sampled_from(["SAME", "VALID", 1, 0]),
)
@settings(max_examples=8)
def test_norms_of_a_convolution_for_any_window_stride_and_padding(
    channels, features, axes, padding
):
    image, window, strides = zip(*axes, strict=True)
    strides, pads = geometry(image, window, strides, padding)
    kernel, x = drawn(*window, channels, features), drawn(3, *image, channels)
    g = drawn(3, *out_sizes(image, window, strides, pads), features)

    def norm(x, g):
        _, pull = jax.vjp(lambda kernel: native(x[None], kernel, strides, pads), kernel)
        return jnp.sum(jnp.square(pull(g[None])[0]))

    ghost = products.of_convolution(x, g, window, strides, pads)
    np.testing.assert_allclose(ghost, jax.vmap(norm)(x, g), rtol=1e-4)


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("mlp", drawn(4, 30)),
        ("digits_cnn", pixels(4, 8, 8, 1)),
        ("textcnn", TOKENS),
        ("text_transformer", TOKENS),
        pytest.param("att_blstm", TOKENS, marks=pytest.mark.slow),
    ],
)
def test_in_bfloat16_ghost_is_within_2e_2_of_vmap_and_both_near_the_norms_in_float32(name, x):
    plain, ours = (
        models.create(name, num_classes=3, vocab_size=50, dtype=dtype)
        for dtype in ("float32", "bfloat16")
    )
    variables = jax.jit(plain.init)(jax.random.key(1), x)
    batch = {"x": x, "labels": jnp.arange(len(x)) % 3}

    def norms(module, method):
        def loss(params, batch):
            logits = module.apply({**variables, "params": params}, batch["x"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, batch["labels"])

        return jax.jit(partial(per_example_norms, loss, method=method))(variables["params"], batch)

    expected, ghost, vmap = norms(plain, "vmap"), norms(ours, "ghost"), norms(ours, "vmap")
    assert ghost.dtype == vmap.dtype == jnp.float32
    np.testing.assert_allclose(ghost, vmap, rtol=2e-2)
    np.testing.assert_allclose(vmap, expected, rtol=5e-2)


@pytest.mark.parametrize(
    "layers",
    [
        (Conv(5, (3, 3), 2), Conv(4, (1, 1), use_bias=False), Conv(3, (2, 3), padding=1)),
        (Conv(5, (3,)), ConvMaxOverTime(6, 3), nn.Dense(2)),
        (LSTM(4), LSTM(3, reverse=True), nn.Dense(2)),
        (nn.Dense(4), nn.BatchNorm(use_running_average=True), nn.Dense(2)),
        (nn.BatchNorm(use_running_average=True, use_scale=False), nn.Dense(2)),
        (nn.Dense(4), nn.BatchNorm(use_running_average=True, use_scale=False, use_bias=False)),
        (nn.Dense(4), nn.LayerNorm(), nn.Dense(2), nn.LayerNorm(use_bias=False)),
    ],
    ids=[
        "convolutions",
        "maximum over time",
        "LSTM",
        "frozen BatchNorm",
        "without scale",
        "neither",
        "LayerNorm",
    ],
)
def test_ghost_equals_vmap_through_layers(layers):
    image = isinstance(layers[0], Conv) and len(layers[0].kernel_size) == 2
    x = drawn(3, 6, 5, 3) if image else drawn(3, 7, 5)
    assert_ghost_is_vmap(*loss_of(Chain(layers), x))


@pytest.mark.optimized
@pytest.mark.parametrize("layer", [nn.Dense, partial(Conv, kernel_size=(3,))])
def test_ghost_of_batch_norm_in_bfloat16(layer):
    norm = nn.BatchNorm(use_running_average=True, dtype=jnp.bfloat16)
    chain = Chain((layer(5, dtype=jnp.bfloat16), norm, nn.Dense(2)))
    assert_ghost_is_vmap(*loss_of(chain, drawn(3, 7, 5)), rtol=2e-2)


def test_in_bfloat16_ghost_takes_the_window_that_the_layer_takes_at_a_tie():
    """257 is 256 in bfloat16, so that the second word ties with the first, and is the longer."""
    module = ConvMaxOverTime(1, 1, dtype=jnp.bfloat16)
    params = {"kernel": jnp.array([1.0, 0.0]).reshape(1, 2, 1), "bias": jnp.zeros(1)}
    words = jnp.array([[[256.0, 0.0], [257.0, 400.0]]])

    def loss(params, x):
        return module.apply({"params": params}, x).astype(jnp.float32)[:, 0]

    assert_ghost_is_vmap(loss, params, words)
    norms = per_example_norms(loss, params, words, method="ghost")
    np.testing.assert_allclose(norms, [np.hypot(256, 1)])  # the 1 is the bias's


def test_ghost_follows_use_running_average_given_in_the_call():
    loss, params, x = loss_of(nn.BatchNorm(), drawn(4, 3), use_running_average=True)
    assert_ghost_is_vmap(loss, params, x)


@pytest.mark.parametrize("learnt", [True, False], ids=["learnt", "without parameters"])
def test_ghost_refuses_batch_norm_that_is_not_frozen(learnt):
    norm = nn.BatchNorm(use_running_average=False, use_scale=learnt, use_bias=learnt)
    module = nn.Sequential([nn.Dense(3), norm])
    x = drawn(4, 3)
    variables = module.init(jax.random.key(0), x)

    def loss(params, x):
        y, _ = module.apply({**variables, "params": params}, x, mutable=["batch_stats"])
        return jnp.sum(y, axis=1)

    refused(loss, variables["params"], x, r"BatchNorm 'layers_1'.*train=False")


def test_layers_outside_params_are_constants_to_both_methods():
    loss, params, x = loss_of(Chain((nn.Dense(4), nn.Dense(3))), drawn(5, 6))
    first, second = params["layers_0"], params["layers_1"]
    assert_ghost_is_vmap(lambda top, x: loss({"layers_0": first, "layers_1": top}, x), second, x)


def test_an_unused_parameter_adds_nothing():
    loss, params, x = loss_of(nn.Dense(3), drawn(4, 2))
    more = {"used": params, "unused": jnp.ones(3)}
    assert_ghost_is_vmap(lambda params, x: loss(params["used"], x), more, x)


def test_ghost_holds_no_gradients_of_single_samples_and_vmap_a_microbatch_of_them():
    loss, params, x = loss_of(Chain((nn.Dense(500), nn.Dense(500))), drawn(32, 500))
    one = 4 * sum(leaf.size for leaf in jax.tree.leaves(params))

    def memory(**options):
        norms = jax.jit(partial(per_example_norms, loss, **options))
        return norms.lower(params, x).compile().memory_analysis().temp_size_in_bytes

    assert memory(method="ghost") < one
    assert memory(microbatch_size=4) < 8 * one < 16 * one < memory(microbatch_size=32)


def test_mistakes_are_told_in_one_line(untyped_caller):
    loss, params, x = loss_of(nn.Dense(3), drawn(4, 2))
    refused(lambda params, x: loss(params, x).mean(), params, x, r"shape \[\] for 4 samples")
    refused(lambda params, x: loss(params, x).mean(), params, x, "no mean", method="vmap")
    refused(loss, params, x, "'ghots' is unknown", method="ghots")
    refused(loss, params, x[:0], "first axis")
    refused(loss, params, (x, x[:2]), "same first axis")
    refused(loss, params, x, "microbatch_size=0", method="vmap", microbatch_size=0)
