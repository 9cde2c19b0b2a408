"""LSTMs in both directions. cuDNN's part is played by JAX's own reference for it."""

import sys
from functools import partial
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

from jaxverify.gradients import per_example_norms
from jaxverify.layers import LSTM, bidirectional
from jaxverify.layers.bidirectional import by_cudnn, by_scan, pack
from train.seeds import take

door = sys.modules["jaxverify.layers.bidirectional"]  # the function bears the module's name


class Both(nn.Module):
    """Forward and backward."""

    by_hand: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        forward, backward = LSTM(5), LSTM(5, reverse=True)
        if self.by_hand:
            return jnp.concatenate([forward(x), backward(x)], -1)
        return bidirectional(forward, backward, x)


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """A backend that has cuDNN, and what was asked of it."""
    asked = []

    def reference(channels, features, x, h_0, c_0, weights):
        parts = rnn.unpack_lstm_weights(weights, channels, features, 1, bidirectional=True)
        lengths = jnp.full(len(x), x.shape[1], jnp.int32)
        return rnn.lstm_ref(x, h_0, c_0, *parts, lengths, channels, features, 1, 0.0, True)

    def forward(x, h_0, c_0, weights, lengths, channels, features, *others):
        asked.append("forward")
        assert x.dtype == jnp.float32
        assert lengths.dtype == jnp.int32
        assert others == (1, 0.0, True, None)
        kept = x, h_0, c_0, weights
        return reference(channels, features, *kept), kept

    def backward(channels, features, layers, dropout, both, precision, kept, gradients):
        asked.append("backward")
        assert (layers, dropout, both, precision) == (1, 0.0, True, None)
        return *jax.vjp(partial(reference, channels, features), *kept)[1](gradients), None

    monkeypatch.setattr(rnn, "lstm_fwd", forward)
    monkeypatch.setattr(rnn, "lstm_bwd", backward)
    pretend_to_be(monkeypatch, "cuda 13000")
    return asked


def pretend_to_be(monkeypatch, platform_version: str) -> None:
    backend = SimpleNamespace(platform_version=platform_version)
    monkeypatch.setattr(door, "get_backend", lambda: backend)
    stand_in = SimpleNamespace(default_backend=lambda: "gpu", config=jax.config)
    monkeypatch.setattr(door, "jax", stand_in)


def sequence(*shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(1), shape)


def test_outputs_and_gradients_are_those_of_the_two_side_by_side(calls):
    x = sequence(3, 7, 4)
    weights = sequence(3, 7, 10)
    variables = Both(by_hand=True).init(jax.random.key(0), x)
    same = Both().init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, variables, same)
    assert not calls  # parameters are made by the layers themselves

    def loss(variables, x, by_hand):
        return jnp.vdot(weights, jnp.asarray(Both(by_hand).apply(variables, x)))

    both = [
        jax.jit(jax.value_and_grad(loss, (0, 1)), static_argnums=2)(variables, x, by_hand)
        for by_hand in (True, False)
    ]
    assert calls == ["forward", "backward"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *both)


def test_seeds_side_by_side_get_what_each_gets_alone(calls):
    x = sequence(2, 3, 4, 4)
    seeds = jax.vmap(jax.random.key)(jnp.arange(2))
    variables = jax.vmap(Both().init)(seeds, x)

    def loss(variables, x):
        return jnp.sum(jnp.sin(jnp.asarray(Both().apply(variables, x))))

    together = jax.jit(jax.vmap(jax.grad(loss)))(variables, x)
    assert set(calls) == {"forward", "backward"}
    for i in range(2):
        with by_scan():
            alone = jax.jit(jax.grad(loss))(take(variables, i), x[i])
        its = take(together, i)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), alone, its
        )


def test_ghost_norms_read_the_gates_of_a_scan_and_are_those_of_vmap_through_cudnn(calls):
    x = sequence(4, 5, 3)
    params = Both().init(jax.random.key(0), x)["params"]

    def loss(params, x):
        return jnp.sum(jnp.sin(jnp.asarray(Both().apply({"params": params}, x))), axis=(1, 2))

    norms = partial(per_example_norms, loss)
    ghost = jax.jit(partial(norms, method="ghost"))(params, x)
    assert not calls
    vmap = jax.jit(partial(norms, microbatch_size=2))(params, x)
    assert set(calls) == {"forward", "backward"}
    np.testing.assert_allclose(ghost, vmap, rtol=1e-4)


def test_cudnn_serves_float32_on_an_nvidia_gpu_where_nobody_asked_for_a_scan(monkeypatch):
    assert not by_cudnn(jnp.float32)
    pretend_to_be(monkeypatch, "cuda 13000")
    assert by_cudnn(jnp.float32)
    assert not by_cudnn(jnp.bfloat16)
    with by_scan():
        assert not by_cudnn(jnp.float32)
    assert by_cudnn(jnp.float32)
    for precision in ("bfloat16", "default"):  # which JAX does not hand on to cuDNN
        with jax.default_matmul_precision(precision):
            assert not by_cudnn(jnp.float32)
    pretend_to_be(monkeypatch, "rocm 60000")
    assert not by_cudnn(jnp.float32)


def test_parameters_are_packed_as_many_as_cudnn_reads():
    variables = Both().init(jax.random.key(0), sequence(1, 2, 3))
    cells = [variables["params"][f"LSTM_{i}"]["cell"] for i in range(2)]
    assert len(pack(*cells)) == rnn.get_num_params_in_lstm(3, 5, 1, bidirectional=True)
