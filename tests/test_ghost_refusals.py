"""Ghost norms are refused, by name, wherever they would be wrong."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from test_gradients import (
    TOKENS,
    Chain,
    Crossed,
    Merged,
    Queries,
    Shared,
    Tied,
    assert_ghost_is_vmap,
    drawn,
    loss_of,
    refused,
)

from jaxverify.layers import LSTM, Conv, ConvMaxOverTime


@pytest.mark.parametrize(
    ("module", "x", "message"),
    [
        (Shared(), drawn(3, 4), r"\['Dense_0'\]\['bias'\] is used 2 times"),
        (Tied(), TOKENS % 9, r"\['Embed_0'\]\['embedding'\] is used outside"),
        (Queries(), drawn(3, 4), r"\['queries'\] is used outside"),
        (nn.RMSNorm(), drawn(3, 4), r"params\['scale'\] is used outside.*Conv, .*use method"),
        (nn.RNN(nn.LSTMCell(3)), drawn(3, 4, 2), r"\['cell'\]\['h?[a-z]*'\]\['bias'\] is used"),
        (nn.remat(nn.Dense)(3), drawn(3, 4), r"params\['bias'\] is used outside"),
        (Chain((lambda x: x.swapaxes(0, 1), nn.Dense(3))), drawn(3, 4, 2), "samples on the first"),
        (nn.BatchNorm(use_running_average=True, axis=1), drawn(3, 4, 2), "axis=1"),
        (nn.LayerNorm(reduction_axes=(1, 2)), drawn(3, 4, 2), r"axes \(1, 2\)"),
        (nn.LayerNorm(feature_axes=1), drawn(3, 4, 2), "axes 1"),
    ],
    ids=[
        "shared",
        "tied",
        "read by a layer",
        "unknown layer",
        "loop",
        "checkpoint",
        "axes",
        "BatchNorm's axis",
        "LayerNorm's axes",
        "LayerNorm's parameters",
    ],
)
def test_ghost_refuses_by_name_what_it_would_get_wrong(module, x, message):
    shapes = jax.eval_shape(module.init, jax.random.key(0), x)
    variables = jax.tree.map(lambda leaf: drawn(*leaf.shape), shapes)

    def loss(params, x):
        y = module.apply({**variables, "params": params}, x)
        return jnp.sum(y.reshape(len(x), -1), axis=1)

    refused(loss, variables["params"], x, message)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Dense(3),),
        (nn.Embed(9, 4), nn.Dense(2)),
        (Conv(3, (3,)), LSTM(2)),
        (ConvMaxOverTime(2, 2),),
        (nn.BatchNorm(use_running_average=True),),
    ],
    ids=["Dense", "Embed", "Conv, LSTM", "maximum over time", "BatchNorm"],
)
@pytest.mark.parametrize("time", [3, 4])
def test_ghost_refuses_a_layer_that_reads_the_samples_on_another_axis_than_the_first(layers, time):
    """Also where time is as long as the batch, so that one shape does not tell the axes apart."""
    embeds = isinstance(layers[0], nn.Embed)
    x = TOKENS[:, :time] % 9 if embeds else drawn(3, time, 5)

    def swap(x):
        return x.swapaxes(0, 1)

    layer = nn.Sequential([swap, *layers])
    variables = layer.init(jax.random.key(0), x)
    swapped_back = not isinstance(layers[0], ConvMaxOverTime)

    def loss(params, x):
        y = layer.apply({**variables, "params": params}, x)
        return jnp.sum((swap(y) if swapped_back else y[:1, 0] * x[:, 0, 0]).reshape(len(x), -1), 1)

    name = type(layers[0]).__name__
    refused(loss, variables["params"], x, rf"the {name} 'layers_1' reads.*first axis.*'vmap'")


@pytest.mark.parametrize("module", [Merged(), Crossed()], ids=["merged", "crossed"])
def test_ghost_refuses_a_layer_whose_input_counts_the_samples_on_two_axes_or_in_part(module):
    x = drawn(4, 4, 3) if isinstance(module, Merged) else drawn(4, 3)
    params = module.init(jax.random.key(0), x)["params"]

    def loss(params, x):
        return module.apply({"params": params}, x).reshape(len(x), -1).sum(1)

    refused(loss, params, x, "the Dense 'Dense_0' reads the shape.*of 4 samples.*of 8")


def test_ghost_is_right_where_time_or_channels_are_as_many_as_the_samples():
    assert_ghost_is_vmap(*loss_of(Chain((nn.Dense(5), LSTM(5), nn.Dense(5))), drawn(5, 5, 5)))


def test_ghost_refuses_a_loss_that_it_cannot_see_the_samples_axis_of():
    loss, params, x = loss_of(nn.Dense(3), drawn(4, 2))
    weights = jnp.ones(4)

    def weighted(params, x):
        return loss(params, x) * weights

    refused(weighted, params, x, "takes 4 samples but not 8 .*from the batch")

    def changing(params, x):
        if len(x) > 4:
            return jnp.sum(x @ params["kernel"], axis=1)
        return loss(params, x)

    refused(changing, params, x, "calls other layers for 8 samples than for 4")


def test_ghost_refuses_parameters_used_beside_their_layer():
    loss, params, x = loss_of(nn.Dense(3), drawn(4, 2))
    outside = r"params\['kernel'\] is used outside"

    def penalty(params, x):
        return loss(params, x) + jnp.sum(params["kernel"] ** 2)

    refused(penalty, params, x, outside)

    def halved(params, x):
        return loss({**params, "kernel": params["kernel"] / 2}, x)

    refused(halved, params, x, "only some parameters of the Dense")
    refused(jax.jit(loss), params, x, "inside a jit, loop or checkpoint")
    refused(lambda offsets, x: offsets, jnp.ones(4), x, "params is used outside")
