"""Layers: whatever the lowering, values and gradients are Flax's."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxverify.layers import LSTM, Conv, ConvMaxOverTime, conv, max_pool
from jaxverify.layers.convolution import choose, geometry, trusted
from jaxverify.layers.lowerings import LOWERINGS, out_sizes
from jaxverify.layers.lstm import recurrence
from jaxverify.layers.max_over_time import max_over_time


@st.composite
def convolutions(draw):
    """Shapes of one convolution, 1-D or 2-D, whose output is not empty.

    Borders are narrower than the window.
    """
    axes = [
        (draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 3)))
        for _ in range(draw(st.integers(1, 2)))
    ]
    image, window, strides = zip(*axes, strict=True)
    padding = draw(st.sampled_from(["SAME", "VALID", "width", "pairs"]))
    borders = [(0, 0)] * len(window)
    if padding == "width":
        padding = draw(st.integers(0, min(window) - 1))
        borders = [(padding, padding)] * len(window)
    elif padding == "pairs":
        border = [st.integers(0, w - 1) for w in window]
        padding = borders = tuple((draw(width), draw(width)) for width in border)
    if padding != "SAME":
        sizes = zip(image, window, borders, strict=True)
        image = tuple(max(n, w - sum(border)) for n, w, border in sizes)
    return image, window, strides, padding, draw(st.integers(1, 3)), draw(st.integers(1, 3))


def drawn(*shape):
    """Normal numbers from NumPy, which need no compilation for each shape."""
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def drawn_for(module, x):
    """Values for a module's variables."""
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)
    return jax.tree.map(lambda leaf: drawn(*leaf.shape), shapes)


def with_gradients(functions, *arguments):
    """Of each function the value, and the gradients of a sum that weighs every output differently.

    One compilation for all of them keeps the tests quick.
    """

    def weighted(fn, *arguments):
        y = fn(*arguments)
        return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

    @jax.jit
    def differentiate(*arguments):
        over_all = range(1, len(arguments) + 1)
        return [
            jax.value_and_grad(weighted, over_all, has_aux=True)(fn, *arguments) for fn in functions
        ]

    return [jax.tree.leaves((y, gradients)) for (_, y), gradients in differentiate(*arguments)]


def assert_close(ours, theirs, tolerance=1e-4):
    for one, two in zip(ours, theirs, strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        np.testing.assert_allclose(
            np.asarray(one, np.float32), np.asarray(two, np.float32), tolerance, tolerance
        )


def assert_near(ours, theirs, tolerance=1e-2):
    """Arrays of bfloat16, or made with it, whose rounding is of what has cancelled out, too."""
    for one, two in zip(ours, theirs, strict=True):
        assert one.dtype == two.dtype
        one, two = (np.asarray(array, np.float32) for array in (one, two))
        assert np.linalg.norm(one - two) <= tolerance * np.linalg.norm(two)


@pytest.mark.optimized
@given(convolutions())
@settings(max_examples=12)
def test_every_lowering_gives_the_same_output_and_the_same_gradients_up_to_rounding(shapes):
    image, window, strides, padding, channels, features = shapes
    assume(trusted(window, *geometry(image, window, strides, padding)))
    x = drawn(2, *image, channels)
    kernel = drawn(*window, channels, features)
    options = {"strides": strides, "padding": padding}
    lowerings = [lowering for lowering in LOWERINGS if lowering != "winograd"]
    functions = [partial(conv, lowering=lowering, **options) for lowering in lowerings]
    reference, *others = with_gradients(functions, x, kernel)
    for other in others:
        assert_close(other, reference)


@pytest.mark.parametrize(
    ("image", "window", "strides", "padding"),
    [
        ((5,), (2,), (1,), [(3, 2)]),
        ((4, 3), (3, 2), (1, 2), [(1, 3), (2, 0)]),
        ((1, 4), (2, 2), (2, 2), [(1, 0), (1, 1)]),
        ((2, 6), (3, 2), (1, 2), [(1, 1), (1, 1)]),
        ((2, 14), (3, 2), (1, 2), [(1, 1), (1, 1)]),
        ((4, 3), (2, 3), (2, 3), [(1, 1), (1, 2)]),
    ],
)
@pytest.mark.parametrize("channels", [3, 16])
def test_under_borders_that_xla_does_not_survive_a_convolution_is_that_of_the_bordered_image(
    image, window, strides, padding, channels
):
    assert not trusted(window, *geometry(image, window, strides, padding))
    x, kernel = drawn(2, *image, channels), drawn(*window, channels, 16)

    def bordered(x, kernel):
        x = jnp.pad(x, [(0, 0), *padding, (0, 0)])
        return conv(x, kernel, strides=strides, padding="VALID", lowering="native")

    ours = partial(conv, strides=strides, padding=padding)
    assert_close(*with_gradients([ours, bordered], x, kernel))


@pytest.mark.optimized
@given(
    st.lists(st.tuples(st.integers(1, 7), *[st.integers(0, 2)] * 2), min_size=1, max_size=2),
    st.integers(1, 5),
    st.integers(1, 5),
)
@example([(2, 1, 1), (2, 1, 1)], 3, 4)  # a tile between two borders has an algorithm of its own
@example([(2, 1, 1), (5, 1, 1)], 3, 4)
@settings(max_examples=6)
def test_winograds_outputs_and_gradients_are_those_of_the_definition(axes, channels, features):
    image = [max(n, 3 - low - high) for n, low, high in axes]
    x, kernel = drawn(2, *image, channels), drawn(*(3 for _ in axes), channels, features)
    padding = [(low, high) for _, low, high in axes]
    ours, theirs = (partial(conv, padding=padding, lowering=how) for how in ("winograd", "native"))
    assert_close(*with_gradients([ours, theirs], x, kernel))


@pytest.mark.parametrize(
    ("window", "strides", "padding"), [((5, 3), 1, "SAME"), ((3, 3), 2, "SAME"), ((3,), 1, 3)]
)
def test_winograd_refuses_what_it_cannot_do(window, strides, padding):
    x = drawn(1, *(8 for _ in window), 2)
    with pytest.raises(ValueError, match="winograd cannot do a window"):
        conv(x, drawn(*window, 2, 2), strides=strides, padding=padding, lowering="winograd")


@given(convolutions(), st.booleans())
@settings(max_examples=12)
def test_parameters_outputs_and_gradients_are_those_of_flax(shapes, use_bias):
    image, window, strides, padding, channels, features = shapes
    assume(trusted(window, *geometry(image, window, strides, padding)))
    x = drawn(2, *image, channels)
    options = {"strides": strides, "padding": padding, "use_bias": use_bias}
    ours, theirs = Conv(features, window, **options), nn.Conv(features, window, **options)
    variables = drawn_for(theirs, x)
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, drawn_for(ours, x)))
    assert_close(*with_gradients([ours.apply, theirs.apply], variables, x))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_initial_parameters_and_dtype_are_flaxs_too(dtype):
    x = jax.random.normal(jax.random.key(0), (2, 2, 2, 3))
    modules = [kind(4, (3, 3), dtype=dtype) for kind in (Conv, nn.Conv)]
    variables = [module.init(jax.random.key(1), x) for module in modules]
    assert jax.tree.all(jax.tree.map(np.array_equal, *variables))
    ours, theirs = (module.apply(variables[0], x) for module in modules)
    assert ours.dtype == dtype
    assert_close([ours], [theirs], tolerance=2e-2)


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("window", "strides", "padding", "channels", "lowering"),
    [
        ((3, 3), 1, "SAME", 16, "native"),
        ((1, 1), 2, "VALID", 16, "taps"),
        ((3, 3), 2, 1, 32, "taps"),
        ((3, 3), 1, "SAME", 3, "patches"),
    ],
)
def test_in_bfloat16_outputs_and_gradients_are_flaxs_whatever_is_chosen(
    window, strides, padding, channels, lowering
):
    x, kernel = drawn(2, 8, 8, channels), jnp.zeros((*window, channels, 16), jnp.bfloat16)
    steps, pads = geometry((8, 8), window, strides, padding)
    out = out_sizes((8, 8), window, steps, pads)
    assert choose(kernel, steps, pads, out, "cpu") == lowering
    options = {"strides": strides, "padding": padding, "dtype": jnp.bfloat16}
    ours, theirs = (kind(16, window, **options) for kind in (Conv, nn.Conv))
    found = with_gradients([ours.apply, theirs.apply], drawn_for(ours, x), x)
    assert_near(*found, tolerance=3e-2)  # the bias's; of all else Flax's are 1% off at most


@pytest.mark.optimized
def test_a_bias_over_many_pixels_gets_its_whole_gradient_in_bfloat16():
    x = jnp.zeros((16, 32, 32, 2))  # 16,384 pixels; in bfloat16 1 + 256 is 256
    module = Conv(3, (3, 3), dtype=jnp.bfloat16)
    loss = jax.jit(lambda variables, x: module.apply(variables, x).astype(jnp.float32).sum())
    gradient = jax.grad(loss)(drawn_for(module, x), x)["params"]["bias"]
    np.testing.assert_array_equal(gradient, [16 * 32 * 32] * 3)


@pytest.mark.parametrize("backend", ["gpu", "tpu", "cpu"])
def test_only_on_a_cpu_is_anything_but_the_native_convolution_chosen(backend):
    on_cpu = {  # by window, strides, channels, features, output and dtype
        ((3, 3), 1, 64, 64, 8, jnp.float32): "winograd",
        ((3, 3), 1, 512, 512, 2, jnp.float32): "winograd",
        ((3, 3), 1, 512, 512, 1, jnp.float32): "taps",
        ((3, 3), 1, 64, 64, 8, jnp.bfloat16): "native",
        ((3, 3), 2, 64, 128, 16, jnp.float32): "native",
        ((3, 3), 2, 256, 512, 4, jnp.float32): "taps",
        ((1, 1), 2, 64, 128, 8, jnp.float32): "taps",
        ((3, 3), 1, 3, 64, 32, jnp.float32): "patches",
        ((5,), 1, 300, 100, 252, jnp.float32): "native",
    }
    for (window, stride, channels, features, out, dtype), expected in on_cpu.items():
        kernel = jnp.zeros((*window, channels, features), dtype)
        strides, pads, sizes = ((extent,) * len(window) for extent in (stride, (1, 1), out))
        chosen = choose(kernel, strides, pads, sizes, backend)
        assert chosen == (expected if backend == "cpu" else "native")


@given(
    st.tuples(st.integers(3, 8), st.integers(3, 8)),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["SAME", "VALID", ((1, 1), (1, 0))]),
)
@settings(max_examples=12)
def test_pooling_takes_flaxs_values_and_gradients_where_nothing_ties(
    image, window, stride, padding
):
    if padding not in ("SAME", "VALID"):
        window = max(window, 2)  # a window inside the padding has no value
    x = np.random.default_rng(0).permutation(2 * image[0] * image[1] * 3)  # nothing ties
    x = x.reshape(2, *image, 3).astype(np.float32)
    shape = (window, window), (stride, stride), padding
    ours, theirs = partial(max_pool, lowering="maxima"), nn.max_pool
    functions = [lambda x, pool=pool: pool(x, *shape) for pool in (ours, theirs)]
    assert_close(*with_gradients(functions, x))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((1, 1), (1, 0))])
def test_pooling_is_flaxs_in_bfloat16_too(stride, padding):
    x = np.random.default_rng(0).permutation(216) - 200  # bfloat16 has all of them: nothing ties
    x = jnp.asarray(x.reshape(2, 6, 6, 3), jnp.bfloat16)
    shape = (3, 3), (stride, stride), padding
    ours, theirs = partial(max_pool, lowering="maxima"), nn.max_pool
    functions = [lambda x, pool=pool: pool(x, *shape) for pool in (ours, theirs)]
    (values, gradient), (flaxs, flaxs_gradient) = with_gradients(functions, x)
    np.testing.assert_array_equal(values, flaxs)
    assert_near([gradient], [flaxs_gradient])


def test_a_tie_shares_the_gradient():
    gradient = jax.grad(lambda x: max_pool(x, (2,), (2,), lowering="maxima").sum())
    np.testing.assert_array_equal(gradient(jnp.ones((1, 2, 1))).ravel(), [0.5, 0.5])


@given(st.integers(1, 5), st.integers(5, 9), st.integers(1, 3))
@settings(max_examples=12)
def test_the_maximum_over_time_takes_flaxs_parameters_outputs_and_gradients(
    width, length, features
):
    x = drawn(2, length, 3)
    ours, theirs = ConvMaxOverTime(features, width), nn.Conv(features, (width,), padding="VALID")
    variables = drawn_for(theirs, x)
    assert jax.tree.all(jax.tree.map(np.array_equal, variables, drawn_for(ours, x)))
    functions = [ours.apply, lambda v, x: theirs.apply(v, x).max(axis=1)]
    assert_close(*with_gradients(functions, variables, x))


def test_at_a_tie_the_first_window_takes_the_gradient():
    gradient = jax.grad(lambda x: max_over_time(x, jnp.ones((1, 1, 1)), lowering="windows").sum())
    np.testing.assert_array_equal(gradient(jnp.ones((1, 3, 1))).ravel(), [1, 0, 0])


@pytest.mark.optimized
def test_in_bfloat16_the_maximum_over_time_is_flaxs_and_its_gradients_are_of_the_first():
    x = drawn(4, 9, 6)
    ours, theirs = (
        ConvMaxOverTime(5, 3, dtype=jnp.bfloat16),
        nn.Conv(5, (3,), padding="VALID", dtype=jnp.bfloat16),
    )
    variables = drawn_for(theirs, x)

    def flax(variables, x):
        y = theirs.apply(variables, x)
        first = jnp.argmax(y, axis=1)[:, None]
        return jnp.take_along_axis(y, first, axis=1)[:, 0]

    assert_near(*with_gradients([ours.apply, flax], variables, x))
    # 257 is 256 in bfloat16, so that the second window ties with the first.
    only = ConvMaxOverTime(1, 1, dtype=jnp.bfloat16).bind(
        {"params": {"kernel": jnp.ones((1, 1, 1)), "bias": jnp.zeros(1)}}
    )
    gradient = jax.grad(lambda x: only(x).sum())(jnp.array([256.0, 257.0]).reshape(1, 2, 1))
    np.testing.assert_array_equal(gradient.ravel(), [1, 0])


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_every_lowering_works_with_stacked_kernels_and_for_single_samples(lowering):
    x, kernels = drawn(3, 2, 4, 4, 2), drawn(3, 3, 3, 2, 5)

    def loss(kernel, x, lowering=lowering):
        return jnp.sin(conv(x, kernel, lowering=lowering)).sum()

    stacked = jax.vmap(jax.grad(loss))(kernels, x)
    each = jax.vmap(jax.grad(loss), in_axes=(None, 0))(kernels[0], x)
    for i in range(3):
        for one, kernel in ((stacked[i], kernels[i]), (each[i], kernels[0])):
            np.testing.assert_allclose(one, jax.grad(loss)(kernel, x[i], "native"), atol=1e-4)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_batch_split_over_eight_devices_gives_the_same_gradients(lowering):
    def loss(kernel, filters, x):
        y = max_pool(conv(x, kernel, lowering=lowering), (3, 3), (2, 2), "SAME")
        return jnp.sin(max_over_time(y.reshape(y.shape[0], -1, y.shape[-1]), filters)).sum()

    gradient = jax.jit(jax.grad(loss, (0, 1, 2)))
    kernel, filters, x = drawn(3, 3, 2, 5), drawn(2, 5, 4), drawn(8, 4, 4, 2)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    split = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    assert_close(gradient(kernel, filters, split), gradient(kernel, filters, x))


@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstms_parameters_outputs_and_gradients_are_those_of_flax(reverse):
    x = drawn(2, 5, 3)
    ours = LSTM(4, reverse=reverse)
    theirs = nn.RNN(nn.OptimizedLSTMCell(4, name="cell"), reverse=reverse, keep_order=True)
    variables = ours.init(jax.random.key(1), x)
    (cell,) = theirs.init(jax.random.key(1), x)["params"].values()
    assert jax.tree.structure(variables["params"]["cell"]) == jax.tree.structure(cell)

    def flax(variables, x):
        return theirs.apply({"params": {"cell": variables["params"]["cell"]}}, x)

    assert_close(*with_gradients([ours.apply, flax], variables, x))


def test_an_lstm_works_with_stacked_parameters_for_single_samples_and_split_over_eight_devices():
    x, kernel, bias = drawn(8, 5, 3), drawn(2, 7, 16), drawn(2, 16)

    def loss(kernel, bias, x):
        return jnp.sin(recurrence(x, kernel, bias)).sum()

    gradient = jax.jit(jax.grad(loss, (0, 1, 2)))
    each = [gradient(kernel[0], bias[0], sample[None]) for sample in x]
    together = jax.vmap(jax.grad(loss, (0, 1)), in_axes=(None, None, 0))(
        kernel[0], bias[0], x[:, None]
    )
    assert_close(together, [jnp.stack([one[i] for one in each]) for i in range(2)])
    stacked = jax.vmap(jax.grad(loss, (0, 1)), in_axes=(0, 0, None))(kernel, bias, x)
    assert_close([part[1] for part in stacked], gradient(kernel[1], bias[1], x)[:2])
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    split = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    assert_close(gradient(kernel[0], bias[0], split), gradient(kernel[0], bias[0], x))
