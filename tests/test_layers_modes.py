"""Dtypes and derivatives that the networks here do not ask our layers for."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxverify.gradients import per_example_norms
from jaxverify.layers import LSTM, Conv, ConvMaxOverTime, max_pool

RNG = np.random.default_rng(0)
SEQUENCES = jnp.asarray(RNG.standard_normal((2, 5, 3)), jnp.float32)
IMAGES = jnp.asarray(RNG.standard_normal((2, 6, 6, 16)), jnp.float32)


@pytest.mark.parametrize("of_x", [jnp.bfloat16, jnp.float16, jnp.float32])
@pytest.mark.parametrize("of_params", [jnp.bfloat16, jnp.float32])
@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstms_outputs_and_gradients_are_those_of_flax_in_any_mix_of_dtypes(
    of_x, of_params, reverse
):
    x = jnp.asarray(SEQUENCES, of_x)
    ours = LSTM(4, reverse=reverse)
    theirs = nn.RNN(nn.OptimizedLSTMCell(4, name="cell"), reverse=reverse, keep_order=True)
    params = ours.init(jax.random.key(1), SEQUENCES)["params"]
    params = jax.tree.map(lambda leaf: leaf.astype(of_params), params)

    def found(layer):
        def loss(params, x):
            y = layer.apply({"params": params}, x)
            return jnp.sum(jnp.sin(y)), y

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)

    (_, y), gradients = found(ours)
    (_, expected), flaxs = found(theirs)
    assert y.dtype == expected.dtype == jnp.float32
    for mine, other in zip(*map(jax.tree.leaves, ((y, gradients), (expected, flaxs))), strict=True):
        assert mine.dtype == other.dtype
        # In float32 to rounding; otherwise Flax rounds what the gates read of x, and we do not.
        plain = of_x == of_params == jnp.float32
        scale = float(jnp.abs(other).max())
        np.testing.assert_allclose(
            np.asarray(mine, np.float32),
            np.asarray(other, np.float32),
            atol=(1e-5 if plain else 2e-2) * scale,
        )


def test_ghost_norms_of_an_lstm_that_reads_bfloat16():
    x = jnp.asarray(SEQUENCES, jnp.bfloat16)
    chain = nn.Sequential([nn.Dense(4, dtype=jnp.bfloat16), LSTM(3)])
    params = chain.init(jax.random.key(0), x)["params"]

    def loss(params, x):
        return jnp.sum(jnp.sin(chain.apply({"params": params}, x)), axis=(1, 2))

    ghost = per_example_norms(loss, params, x, method="ghost")
    vmap = per_example_norms(loss, params, x, method="vmap")
    np.testing.assert_allclose(ghost, vmap, rtol=2e-2)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int8])
@pytest.mark.parametrize("padding", ["VALID", "SAME", ((1, 0), (0, 1))])
@pytest.mark.parametrize("stride", [1, 2])
def test_pooling_of_integers_takes_flaxs_values(dtype, padding, stride):
    x = jnp.asarray(RNG.integers(*((0, 255) if dtype == np.uint8 else (-128, 0)), (2, 5, 5, 3)))
    x, shape = x.astype(dtype), ((2, 2), (stride, stride), padding)
    ours = max_pool(x, *shape, lowering="maxima")
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, nn.max_pool(x, *shape))


def test_what_is_added_to_booleans_never_wins_a_maximum():
    nothing = jnp.zeros((1, 5, 5, 1), bool)
    pooled = max_pool(nothing.at[0, 0, 0].set(True), (2, 2), (2, 2), "SAME", lowering="maxima")
    assert pooled.dtype == bool
    assert np.flatnonzero(pooled).tolist() == [0]


LAYERS = [
    (Conv(16, (3, 3)), IMAGES),  # by Winograd's algorithm
    (Conv(2, (3, 3)), IMAGES[..., :2]),  # by patches
    (ConvMaxOverTime(3, 2), SEQUENCES),
    (LSTM(4), SEQUENCES),
]
NAMES = ["winograd", "patches", "maximum over time", "LSTM"]


def loss_of(layer, x):
    params = layer.init(jax.random.key(0), x)
    return lambda params: jnp.sum(jnp.sin(layer.apply(params, x))), params


@pytest.mark.parametrize(("layer", "x"), LAYERS, ids=NAMES)
def test_on_a_cpu_jax_refuses_forward_mode_where_a_layer_brings_its_own_gradient(layer, x):
    loss, params = loss_of(layer, x)
    with pytest.raises(TypeError, match=r"can't apply forward-mode autodiff \(jvp\)"):
        jax.jvp(loss, (params,), (params,))


@pytest.mark.parametrize(("layer", "x"), LAYERS, ids=NAMES)
def test_a_gradient_of_a_gradient_works_everywhere(layer, x):
    """Along the parameters themselves, against a difference of two gradients."""
    loss, params = loss_of(layer, x)
    gradient = jax.jit(jax.grad(loss))

    def along(params):
        return sum(map(jnp.vdot, *map(jax.tree.leaves, (gradient(params), params))))

    twice = jax.grad(along)(params)
    step = 1e-2

    def at(factor):
        return gradient(jax.tree.map(lambda leaf: factor * leaf, params))

    for found, first, high, low in zip(
        *map(jax.tree.leaves, (twice, at(1), at(1 + step), at(1 - step))), strict=True
    ):
        expected = first + (high - low) / (2 * step)  # the gradient of g(p)^T p is g + H p
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(found, expected, atol=2e-2 * scale)


@pytest.mark.parametrize("lowering", ["maxima", "native"])
def test_pooling_takes_forward_mode_too(lowering):

    def pool(x):
        return max_pool(x, (2, 2), (2, 2), lowering=lowering)

    _, along = jax.jvp(pool, (IMAGES,), (IMAGES,))
    np.testing.assert_array_equal(along, pool(IMAGES))
