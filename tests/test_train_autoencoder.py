"""Training without labels: the network, one step, whole runs, and hundreds of small ones."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from devices import on_one_device

from jaxverify import Samples, UserError, models, verify, verify_reconstruction
from jaxverify.models.autoencoder import Autoencoder
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.run import open_run
from jaxverify.runs import extra_key, load_model
from jaxverify.training import augment
from train import autoencoder
from train.config import UNLABELLED, Config
from train.curve import draw_reconstruction
from train.reconstruction import squared_error
from train.run_folder import RunFolder
from train.state import init_state
from train.steps import make_train_step
from train.summary import summarise
from train.training_set import make_training_set
from train.unlabelled.fitting import fit

IMAGES = jnp.asarray(np.random.default_rng(0).integers(0, 256, (16, 6, 6, 1), np.uint8))
SMALL = ["--train-samples", "250", "--test-samples", "100", "--eta", "0.12", "--batch-size", "40"]
SMALL += ["--eval-batch-size", "40", "--eval-every", "10", "--epochs", "40"]


def train(workdir: Path, *arguments: str) -> int:
    with on_one_device():
        return train_on_eight(workdir, *arguments)


def train_on_eight(workdir: Path, *arguments: str) -> int:
    return autoencoder.run([*SMALL, "--extra", "--workdir", str(workdir), *arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A short run."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    assert train(workdir) == 0
    return workdir


def test_a_reconstruction_has_the_shape_and_the_unit_of_the_image():
    for name in UNLABELLED:
        module = models.create(name, num_classes=10)
        variables = module.init(jax.random.key(1), IMAGES)
        made = models.Inference(module)(variables, IMAGES)
        assert made.shape == IMAGES.shape
        assert made.dtype == jnp.float32
    # A network of zeros makes what a normalised zero stands for: the middle of a byte's range.
    zeros = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_allclose(models.Inference(module)(zeros, IMAGES), 127.5)


def test_all_that_is_passed_on_goes_through_the_code():
    for name, depth in (("autoencoder", 6), ("linear_autoencoder", 2)):
        module = models.create(name, num_classes=10)
        params = module.init(jax.random.key(1), IMAGES)["params"]
        assert len(params) == depth
        assert params["code"]["bias"].shape == (16,)
        blank = {**params, "code": jax.tree.map(jnp.zeros_like, params["code"])}
        made = module.apply({"params": blank}, IMAGES)
        assert jnp.ptp(made, axis=0).max() == 0


def test_one_step_is_gradient_descent_on_the_mean_squared_error_without_labels():
    module, optimizer = Autoencoder(width=None, code=2), optax.sgd(0.5)
    state = init_state(jax.random.key(0), module, optimizer, IMAGES[:1])
    step = jax.jit(make_train_step(module, optimizer, augment.none, squared_error))
    after, loss = step(state, Samples(IMAGES, jnp.zeros(16, jnp.int32)), jax.random.key(1))

    code, pixels = (jax.tree.map(np.asarray, state.params[name]) for name in ("code", "pixels"))
    x = (np.asarray(IMAGES).reshape(16, 36) / 255 - 0.5) / 0.25
    made = (x @ code["kernel"] + code["bias"]) @ pixels["kernel"] + pixels["bias"]
    errors = (made - x) / 4  # in units of a pixel's range
    assert float(loss) == pytest.approx((errors**2).mean(), rel=1e-5)
    slope = 2 * errors / 4 / (16 * 36)
    np.testing.assert_allclose(after.params["pixels"]["bias"], -0.5 * slope.sum(0), atol=1e-6)
    hidden = x @ code["kernel"]
    expected = pixels["kernel"] - 0.5 * hidden.T @ slope
    np.testing.assert_allclose(after.params["pixels"]["kernel"], expected, atol=1e-5)
    assert float(after.tally.loss) == pytest.approx(16 * float(loss))
    assert int(after.tally.correct) == 0

    other, _ = step(state, Samples(IMAGES, jnp.arange(16)), jax.random.key(1))
    for one, two in zip(jax.tree.leaves(after), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_converged_autoencoder_passes_and_its_run_folder_says_so(finished):
    verdict = json.loads((finished / "verdict.json").read_text())
    assert verdict["outcome"] == "PASS"
    result = json.loads((finished / "result.json").read_text())
    assert result["verdict"] == verdict
    assert result["task"]["num_samples"] == 30
    rows = result["evaluations"]
    assert [row["epoch"] for row in rows] == [10, 20, 30, 40]
    assert rows[-1]["extra_error"] < 0.5 * rows[-1]["twins_error"]
    assert rows[-1]["extra_memorised"] > 0.5
    assert 0.5 < rows[0]["test_explained"] < 1
    assert rows[-1]["passed"]
    assert result["summary"]["best_test_explained"] == max(r["test_explained"] for r in rows)
    assert (finished / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_an_evaluation_is_of_the_whole_test_set_and_of_no_filler(finished):
    config = Config.from_json(RunFolder(finished).about()["config"])
    test, model = make_training_set(config).test, load_model(finished)
    assert len(test.labels) % config.eval_batch_size != 0
    made = np.asarray(model.apply(model.variables, jnp.asarray(test.features)))
    losses = np.square((made - test.features) / 255).mean(axis=(1, 2, 3))
    row = RunFolder(finished).metrics()[-1]
    assert row["test_loss"] == pytest.approx(losses.mean(), rel=1e-4)
    variance = (test.features / 255).var(axis=0).mean()
    assert row["test_explained"] == pytest.approx(1 - losses.mean() / variance, rel=1e-4)


def test_what_training_saves_is_verified_with_the_key(finished):
    model = load_model(finished)
    assert model.task is not None

    def predict(features):
        return model.apply(model.variables, features)

    verdict = verify_reconstruction(predict, extra_key(0), model.task)
    facts, kept = verdict.to_dict(), json.loads((finished / "verdict.json").read_text())
    for name in ("cautions", "reasons"):
        assert facts.pop(name) == kept.pop(name) == []
    assert facts.pop("next_steps") == kept.pop("next_steps")
    assert facts == pytest.approx(kept)
    assert not verify_reconstruction(predict, jax.random.key(5), model.task).passed
    best = load_model(
        finished, RunFolder(finished).saved_step(best=True)
    )  # of the best reconstruction of the test set
    assert best.task == model.task
    with pytest.raises(UserError, match="logits"):  # it has no labels to be counted
        verify(model, extra_key(0))
    with pytest.raises(UserError, match="gives no labels"):
        open_run(finished, "image", Classes(("0", "1")))


def test_stopped_early_it_shows_nothing(finished, tmp_path, capsys):
    assert train(tmp_path / "stopped", "--stop-epoch", "6") == 0
    assert json.loads((tmp_path / "stopped/verdict.json").read_text())["outcome"] == "NO POWER"
    assert "no power to tell" in " ".join(capsys.readouterr().out.split())


def test_one_that_cannot_memorise_shows_nothing(tmp_path):
    assert train(tmp_path / "run", "--model", "linear_autoencoder") == 0
    verdict = json.loads((tmp_path / "run/verdict.json").read_text())
    assert verdict["outcome"] == "NO POWER"


@pytest.mark.slow
def test_a_resumed_run_is_the_same_run(finished, tmp_path):
    assert train(tmp_path / "run", "--stop-epoch", "20") == 0
    assert train(tmp_path / "run", "--resume") == 0
    rows = [
        [{**r, "seconds": 0} for r in RunFolder(p).metrics()] for p in (finished, tmp_path / "run")
    ]
    assert rows[0] == rows[1]


def test_a_model_fitted_without_a_folder_is_that_of_the_training_loop(tmp_path):
    # Of few epochs: what one device and eight round differently grows from step to step.
    assert train_on_eight(tmp_path, "--stop-epoch", "5") == 0
    config = Config.from_json(RunFolder(tmp_path).about()["config"])
    fitted, trained = fit(replace(config, workdir=None)), load_model(tmp_path)
    features = jnp.asarray(make_training_set(config).test.features)
    one, two = (np.asarray(m.apply(m.variables, features)) for m in (fitted, trained))
    assert np.sqrt(np.square(one - two).mean()) < 0.01 * two.std()
    stopped = fit(replace(config, workdir=None, stop_epoch=4.0))
    three = np.asarray(stopped.apply(stopped.variables, features))
    assert np.sqrt(np.square(three - two).mean()) > 0.1 * two.std()


def test_the_summary_and_the_picture_take_what_is_explained_for_accuracy():
    def row(step, explained, passed):
        return {
            "step": step,
            "epoch": step,
            "test_explained": explained,
            "extra_auc": 0.9,
            "passed": passed,
        }

    rows = [row(1, 0.6, False), row(2, 0.8, True), row(3, 0.75, True)]
    summary = summarise(rows)
    assert summary["best_test_explained"] == 0.8
    assert summary["final_extra_auc"] == 0.9
    assert summary["lowest_passing"]["step"] == 3
    assert summary["cq_lowest_passing"] == pytest.approx(0.75 / 0.8)
    assert draw_reconstruction("title", rows).startswith(b"\x89PNG")
    assert draw_reconstruction("baseline", [{"epoch": 1, "test_explained": 0.5}])[:4] == b"\x89PNG"
