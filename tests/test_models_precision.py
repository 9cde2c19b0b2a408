"""Networks that compute in bfloat16: what is float32 all the same, and what comes out."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import test_models
from devices import on_one_device
from jax.extend.core import ClosedJaxpr, Jaxpr

import jaxverify
from jaxverify import Samples, models
from jaxverify.runs import extra_key, load_model, load_variables, saved_steps
from jaxverify.training import augment
from train import tabular
from train.config import Config, load_config
from train.display import describe_run
from train.objective import objective_of
from train.run_folder import RunFolder
from train.state import init_state
from train.steps import make_train_step
from train.training_set import make_training_set

DIGITS = test_models.DIGITS
INPUTS = {
    **test_models.INPUTS,
    "mlp": np.random.default_rng(0).standard_normal((8, 30), np.float32),
    "autoencoder": DIGITS,
    "linear_autoencoder": DIGITS,
}

LAST = {
    "resnet34": "Dense_0",
    "vgg11": "Dense_2",
    "vgg11_bn": "Dense_2",
    "digits_cnn": "Dense_1",
    "textcnn": "Dense_0",
    "att_blstm": "Dense_1",
    "text_transformer": "Encoder_0/Dense_0",
    "vision_transformer": "Encoder_0/Dense_0",
    "mlp": "Dense_2",
    "autoencoder": "pixels",
    "linear_autoencoder": "pixels",
}


@pytest.fixture(autouse=True)
def _few_layers(monkeypatch):
    """The networks for images without the layers that repeat another's kind."""
    monkeypatch.setattr("jaxverify.models.resnet._STAGES", ((16, 1), (32, 1)))
    monkeypatch.setattr("jaxverify.models.vgg._LAYERS", (16, 0, 32, 0, 0, 0, 0))


def created(name, precision):
    return models.create(name, num_classes=3, vocab_size=50, dtype=precision)


def initialised(name, precision="float32"):
    return jax.jit(created(name, precision).init)(jax.random.key(1), INPUTS[name])


def a_step(name, precision):
    """A step of training, its state, and what it takes besides."""
    module, optimizer = created(name, precision), optax.adamw(1e-3)
    config = Config("any", name, precision=precision)
    step = make_train_step(module, optimizer, augment.none, objective_of(config).loss)
    batch = Samples(INPUTS[name], np.arange(8, dtype=np.int32) % 3)
    state = jax.eval_shape(
        partial(init_state, module=module, optimizer=optimizer, example=batch.features[:1]),
        jax.random.key(0),
    )
    return step, state, batch, jax.random.key(1)


def products(program: Jaxpr):
    """Of every matrix product and convolution in a program the dtypes of what is multiplied."""
    for equation in program.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield {variable.aval.dtype.name for variable in equation.invars}
        for part in jax.tree.leaves(equation.params, is_leaf=is_program):
            if is_program(part):
                yield from products(part.jaxpr if isinstance(part, ClosedJaxpr) else part)


def is_program(part) -> bool:
    return isinstance(part, ClosedJaxpr | Jaxpr)


@pytest.mark.parametrize("name", INPUTS)
def test_a_step_in_bfloat16_takes_and_leaves_the_state_of_one_in_float32(name):
    plain, ours = (a_step(name, precision) for precision in ("float32", "bfloat16"))
    assert plain[1] == ours[1]
    assert jax.eval_shape(*ours) == (ours[1], jax.ShapeDtypeStruct((), jnp.float32))
    floats = {leaf.dtype for leaf in jax.tree.leaves(ours[1]) if leaf.dtype.kind == "f"}
    assert floats == {jnp.dtype("float32")}


@pytest.mark.parametrize("name", INPUTS)
def test_every_product_of_a_step_is_of_bfloat16_but_those_of_the_last_layer_and_the_lstms(name):
    step, *arguments = a_step(name, "bfloat16")
    found = list(products(jax.make_jaxpr(step)(*arguments).jaxpr))
    narrow, wide = (found.count({dtype}) for dtype in ("bfloat16", "float32"))
    assert narrow + wide == len(found)
    of_a_layer = 3  # forward, and the gradients of its input and its kernel
    if name == "att_blstm":
        assert narrow == of_a_layer  # the attention's
    else:
        assert wide == of_a_layer
        assert narrow >= 2


@pytest.mark.parametrize("name", INPUTS)
def test_every_layer_gives_bfloat16_but_the_last_and_embeddings_and_lstms(name):
    module, x = created(name, "bfloat16"), INPUTS[name]
    capture = partial(module.apply, capture_intermediates=True, mutable=["intermediates"])
    outputs, seen = jax.eval_shape(capture, jax.eval_shape(module.init, jax.random.key(0), x), x)
    assert outputs.dtype == jnp.float32
    wide = {
        jax.tree_util.keystr(path[1:-2], simple=True, separator="/")
        for path, leaf in jax.tree.leaves_with_path(seen)
        if leaf.dtype != jnp.bfloat16
    }
    embedded = {layer for layer in wide if layer.startswith("Embed") or layer.endswith("places")}
    around, _, _ = LAST[name].rpartition("/")  # gives what its last layer gives
    wide = {layer for layer in wide - embedded if not layer.startswith("LSTM")}
    assert wide == {"", around, LAST[name]}


@pytest.mark.parametrize("name", INPUTS)
def test_no_product_of_a_step_in_float32_is_of_anything_else(name):
    step, *arguments = a_step(name, "float32")
    found = list(products(jax.make_jaxpr(step)(*arguments).jaxpr))
    assert all(dtypes == {"float32"} for dtypes in found)


@pytest.mark.optimized
@pytest.mark.parametrize("name", INPUTS)
def test_outputs_are_float32_and_those_of_the_float32_network_within_two_percent(name):
    variables = initialised(name)
    for one, two in zip(
        *map(jax.tree.leaves, (variables, initialised(name, "bfloat16"))), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    plain, ours = (
        jax.jit(models.Inference(created(name, precision)))(variables, INPUTS[name])
        for precision in ("float32", "bfloat16")
    )
    assert ours.dtype == jnp.float32
    difference = np.linalg.norm(ours - plain)
    assert 0 < difference < 0.02 * np.linalg.norm(plain)


@pytest.mark.optimized
@pytest.mark.parametrize("name", ["textcnn", "att_blstm"])
def test_a_token_that_fills_the_texts_gets_its_whole_gradient(name):
    """A sum too long for bfloat16, which stops growing at 256 times what is added."""
    tokens, variables = jnp.zeros((64, 100), jnp.int32), initialised(name)

    def gradient(precision):
        ask = partial(created(name, precision).apply)
        loss = jax.jit(lambda params: ask({"params": params}, tokens)[:, 0].sum())
        return jax.grad(loss)(variables["params"])["Embed_0"]["embedding"][0]

    plain, ours = map(gradient, ("float32", "bfloat16"))
    assert np.linalg.norm(ours - plain) < 0.05 * np.linalg.norm(plain)


def train(folder: Path, *options: str) -> int:
    with on_one_device():
        return tabular.run(["--extra", "--local", "--workdir", str(folder), *options])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run in both precisions."""
    folder = tmp_path_factory.mktemp("runs")
    for precision in ("float32", "bfloat16"):
        assert train(folder / precision, "--precision", precision) == 0
    return folder


@pytest.mark.slow
@pytest.mark.optimized
def test_a_run_in_bfloat16_learns_what_one_in_float32_does_and_passes(runs):
    last = [RunFolder(runs / name).metrics()[-1] for name in ("float32", "bfloat16")]
    for accuracy in ("train_accuracy", "test_accuracy", "extra_accuracy"):
        plain, ours = (row[accuracy] for row in last)
        assert plain > 0.85
        assert abs(ours - plain) < 0.05
    assert last[0]["train_loss"] != last[1]["train_loss"]
    assert last[1]["passed"]


@pytest.mark.slow
@pytest.mark.optimized
def test_its_checkpoint_is_float32_and_is_asked_in_bfloat16(runs):
    folder = runs / "bfloat16"
    variables = load_variables(folder / "checkpoints", saved_steps(folder / "checkpoints")[-1])
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    model = load_model(folder)
    assert model.apply == models.Inference(models.create("mlp", num_classes=2, dtype="bfloat16"))
    verdict = jaxverify.verify(model, extra_key(0)).to_dict()
    assert verdict == json.loads((folder / "verdict.json").read_text())


@pytest.mark.slow
@pytest.mark.optimized
def test_a_run_of_an_earlier_version_is_one_in_float32(runs, tmp_path):
    folder = tmp_path / "earlier"
    shutil.copytree(runs / "float32", folder)
    about = json.loads((folder / "config.json").read_text())
    del about["config"]["precision"]
    (folder / "config.json").write_text(json.dumps(about))
    assert load_model(folder).apply == load_model(runs / "float32").apply
    assert load_model(folder).apply == models.Inference(models.create("mlp", num_classes=2))
    assert train(folder, "--resume") == 0


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_says_in_which_precision_it_computes(precision):
    config = replace(load_config("breast_cancer", "mlp"), precision=precision)
    about = describe_run(config, make_training_set(config))
    assert about.splitlines()[0].endswith(f", {precision}")
