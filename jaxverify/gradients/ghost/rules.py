"""What each layer does in a ghost pass: its output, and its squared norms on the way back.

A rule takes a layer, its variables and its input, and returns like ``jax.vjp`` the output and a
pullback: from the output's gradient to that of the input and the squared norms ``[n]`` of the
parameters' gradients. The layer itself computes all but the norms, so it decides the precision and
the lowering.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax
from jax.tree_util import Partial
from jaxtyping import Array, DTypeLike, Float

from jaxverify import layers
from jaxverify.gradients.ghost import products
from jaxverify.layers import lstm
from jaxverify.layers.convolution import geometry

Pullback = Callable[[Array], tuple[Array | None, products.Norms]]
Rule = Callable[[Any, Any, Array], tuple[Array, Pullback]]


def _rule(norms: Callable[[Any, Any, Array, Array], products.Norms]) -> Rule:
    """The rule of a layer whose norms follow from its input and its output's gradient alone."""

    def rule(module: nn.Module, variables: Any, x: Array) -> tuple[Array, Pullback]:
        if not jnp.issubdtype(x.dtype, jnp.inexact):
            back = partial(_of_integers, partial(norms, module))
            return jnp.asarray(module.apply(variables, x)), Partial(back, variables, x)
        y, pull = jax.vjp(lambda x: jnp.asarray(module.apply(variables, x)), x)
        return y, Partial(partial(_of_floats, partial(norms, module)), pull, variables, x)

    return rule


def _of_integers(norms: Callable, variables: Any, x: Array, g: Array) -> tuple[None, Array]:
    return None, norms(variables, x, g)


def _of_floats(
    norms: Callable, pull: Callable, variables: Any, x: Array, g: Array
) -> tuple[Array, Array]:
    return *pull(g), norms(variables, x, g)


def _dense(module: nn.Dense, variables: Any, x: Array, g: Array) -> products.Norms:
    return products.of_product(x, g) + _bias(module.use_bias, g)


def _conv(module: layers.Conv, variables: Any, x: Array, g: Array) -> products.Norms:
    window = tuple(module.kernel_size)
    strides, pads = geometry(x.shape[1:-1], window, module.strides, module.padding)
    return products.of_convolution(x, g, window, strides, pads) + _bias(module.use_bias, g)


def _bias(use_bias: bool, g: Array) -> products.Norms | float:
    return products.of_sum(g) if use_bias else 0.0


def _embed(module: nn.Embed, variables: Any, x: Array, g: Array) -> products.Norms:
    return products.of_rows(x, g)


def _norm(
    module: nn.BatchNorm | nn.LayerNorm, variables: Any, x: Array, g: Array
) -> products.Norms:
    params = variables["params"]
    plain = {name: jnp.full_like(p, name == "scale") for name, p in params.items()}
    normalised = jnp.asarray(module.apply({**variables, "params": plain}, x))
    norms = {"scale": products.of_sum(g * normalised), "bias": products.of_sum(g)}
    return sum((norms[name] for name in params), jnp.zeros(len(x), jnp.float32))


def _conv_max_over_time(
    module: layers.ConvMaxOverTime, variables: Any, x: Array, g: Float[Array, "n f"]
) -> products.Norms:
    """A filter's gradient is g_f times the one window under its maximum."""
    x, kernel = promote_dtype(x, variables["params"]["kernel"], dtype=module.dtype)
    # The first maximum, as in the layer, whose forward pass computes the same: XLA does it once.
    y = layers.conv(x, kernel, padding="VALID")
    positions = jnp.arange(y.shape[1])[None, :, None]
    is_maximum = y == jnp.max(y, axis=1, keepdims=True)
    first = jnp.min(jnp.where(is_maximum, positions, y.shape[1] - 1), axis=1)
    words = jnp.sum(jnp.square(x.astype(jnp.float32)), axis=-1)
    windows = lax.reduce_window(words, 0.0, lax.add, (1, module.width), (1, 1), "VALID")
    under_maximum = jnp.take_along_axis(windows, first, axis=1)
    squares = jnp.square(g.astype(jnp.float32))
    return jnp.sum(squares * (under_maximum + 1), axis=1)  # the 1 is the bias's


def _lstm(module: layers.LSTM, variables: Any, x: Array) -> tuple[Array, Pullback]:
    kernel, bias = lstm.stacked(variables["params"]["cell"])
    wide, kernel, bias = lstm.promoted(x, kernel, bias)
    hidden, kept = lstm.forward(wide.swapaxes(0, 1), kernel, bias, module.reverse)
    back = partial(_lstm_backward, module.reverse, x.dtype)
    return hidden.swapaxes(0, 1), Partial(back, kept)


def _lstm_backward(
    reverse: bool, dtype: DTypeLike, kept: Any, g: Array
) -> tuple[Array, products.Norms]:
    """The kernel's gradient is a sum over time of what a step read times its gates' gradient."""
    to_x, to_gates = lstm.backward(reverse, kept, g.swapaxes(0, 1))
    to_gates = to_gates.swapaxes(0, 1)
    read = jnp.concatenate(lstm.read(reverse, kept), axis=-1).swapaxes(0, 1)
    norms = products.of_product(read, to_gates) + products.of_sum(to_gates)
    return to_x.swapaxes(0, 1).astype(dtype), norms


RULES: dict[type[nn.Module], Rule] = {
    nn.Dense: _rule(_dense),
    nn.Embed: _rule(_embed),
    nn.BatchNorm: _rule(_norm),
    nn.LayerNorm: _rule(_norm),
    layers.Conv: _rule(_conv),
    layers.ConvMaxOverTime: _rule(_conv_max_over_time),
    layers.LSTM: _lstm,
}
