"""Layers: whatever the lowering, values and gradients are Flax's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify.layers import LSTM, Conv, conv, max_pool
from jaxverify.layers.convolution import choose


@st.composite
def convolutions(draw):
    """Shapes of one convolution, 1-D or 2-D, whose output is not empty.

    Borders are narrower than the window: under wider ones the input gradient of XLA's own
    convolution is wrong (jaxlib 0.10.2, CPU), so it cannot serve as the reference.
    """
    axes = [
        (draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 3)))
        for _ in range(draw(st.integers(1, 2)))
    ]
    image, window, strides = zip(*axes, strict=True)
    padding = draw(st.sampled_from(["SAME", "VALID", "width", "pairs"]))
    borders = ((0, 0),) * len(window)
    if padding == "width":
        padding = draw(st.integers(0, min(window) - 1))
        borders = ((padding, padding),) * len(window)
    elif padding == "pairs":
        widths = [st.integers(0, w - 1) for w in window]
        padding = borders = tuple((draw(width), draw(width)) for width in widths)
    if padding != "SAME":
        sizes = zip(image, window, borders, strict=True)
        image = tuple(max(n, w - sum(border)) for n, w, border in sizes)
    return image, window, strides, padding, draw(st.integers(1, 3)), draw(st.integers(1, 3))


def with_gradients(fn, *arguments):
    """The value of ``fn`` and the gradients of a sum in which every output counts differently."""

    def weighted(*arguments):
        y = fn(*arguments)
        return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

    differentiate = jax.value_and_grad(weighted, range(len(arguments)), has_aux=True)
    (_, y), gradients = jax.jit(differentiate)(*arguments)
    return [y, *gradients]


def assert_close(ours, theirs, tolerance=1e-4):
    for one, two in zip(ours, theirs, strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        np.testing.assert_allclose(
            np.asarray(one, np.float32), np.asarray(two, np.float32), tolerance, tolerance
        )


@given(convolutions())
@settings(max_examples=12)
def test_every_lowering_gives_the_same_output_and_the_same_gradients_up_to_rounding(shapes):
    image, window, strides, padding, channels, features = shapes
    x = jax.random.normal(jax.random.key(0), (2, *image, channels))
    kernel = jax.random.normal(jax.random.key(1), (*window, channels, features))
    results = [
        with_gradients(
            lambda x, k, lowering=lowering: conv(
                x, k, strides=strides, padding=padding, lowering=lowering
            ),
            x,
            kernel,
        )
        for lowering in ("native", "taps")
    ]
    assert_close(*results)


@given(convolutions(), st.booleans())
@settings(max_examples=8)
def test_parameters_outputs_and_gradients_are_those_of_flax(shapes, use_bias):
    image, window, strides, padding, channels, features = shapes
    x = jax.random.normal(jax.random.key(0), (2, *image, channels))
    options = {"strides": strides, "padding": padding, "use_bias": use_bias}
    ours, theirs = Conv(features, window, **options), nn.Conv(features, window, **options)
    variables = theirs.init(jax.random.key(1), x)
    for one, two in zip(
        *(jax.tree.leaves(m.init(jax.random.key(1), x)) for m in (ours, theirs)), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    assert_close(
        *(jax.tree.leaves(with_gradients(module.apply, variables, x)) for module in (ours, theirs))
    )


def test_taps_are_right_where_padding_is_wider_than_the_window():
    x, kernel = jnp.ones((1, 3, 1)), jnp.array([2.0, 3.0]).reshape(2, 1, 1)
    options = {"padding": ((3, 0),), "lowering": "taps"}
    y = conv(x, kernel, **options)
    np.testing.assert_array_equal(y.ravel(), [0, 0, 3, 5, 5])
    gradient = jax.grad(lambda x: conv(x, kernel, **options).sum())(x)
    np.testing.assert_array_equal(gradient.ravel(), [5, 5, 3])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_the_dtype_is_flaxs_too(dtype):
    x = jax.random.normal(jax.random.key(0), (2, 2, 2, 3))
    modules = [kind(4, (3, 3), dtype=dtype) for kind in (Conv, nn.Conv)]
    variables = modules[1].init(jax.random.key(1), x)
    ours, theirs = (module.apply(variables, x) for module in modules)
    assert ours.dtype == dtype
    assert_close([ours], [theirs], tolerance=2e-2)


@pytest.mark.parametrize("backend", ["gpu", "tpu", "cpu"])
def test_only_on_a_cpu_is_anything_but_the_native_convolution_chosen(backend):
    small, large, pointwise = ((3, 3), (2, 2)), ((3, 3), (8, 8)), ((1, 1), (8, 8))
    chosen = [choose(window, out, backend) for window, out in (small, large, pointwise)]
    assert chosen == (
        ["taps", "native", "taps"] if backend == "cpu" else ["native", "native", "native"]
    )


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
    x = jax.random.permutation(jax.random.key(0), 2 * image[0] * image[1] * 3)
    x = x.reshape(2, *image, 3).astype(jnp.float32)
    shape = (window, window), (stride, stride), padding
    results = [
        with_gradients(fn, x)
        for fn in (
            lambda x: max_pool(x, *shape, lowering="maxima"),
            lambda x: nn.max_pool(x, *shape),
        )
    ]
    assert_close(*results)


def test_a_tie_shares_the_gradient():
    gradient = jax.grad(lambda x: max_pool(x, (2,), (2,), lowering="maxima").sum())
    np.testing.assert_array_equal(gradient(jnp.ones((1, 2, 1))).ravel(), [0.5, 0.5])


@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstm_is_flaxs_with_flaxs_parameters(reverse):
    x = jax.random.normal(jax.random.key(0), (2, 5, 3))
    ours = LSTM(4, reverse=reverse)
    theirs = nn.RNN(nn.OptimizedLSTMCell(4), reverse=reverse, keep_order=True)
    variables = ours.init(jax.random.key(1), x)
    (renamed,) = theirs.init(jax.random.key(1), x)["params"]
    cell = {"params": {renamed: variables["params"]["cell"]}}
    np.testing.assert_allclose(ours.apply(variables, x), theirs.apply(cell, x), atol=1e-6)
