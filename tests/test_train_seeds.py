"""Seeds side by side: each is what it would be alone, also after a kill."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from devices import on_one_device
from rich.console import Console

from benchmarks import seeds as benchmark
from jaxverify import Samples, UserError, models, verify
from jaxverify.runs import extra_key, load_model, saved_steps
from jaxverify.training.augment import none
from train.config import load_config
from train.loop import train
from train.main import main
from train.mesh import DataMesh
from train.run_folder import RunFolder
from train.seeds import side_by_side, stack, take
from train.state import init_state
from train.steps import make_train_step
from train.training_set import make_training_set

CONFIG = replace(
    load_config("breast_cancer", "mlp", budget="local"),
    extra=True,
    seed=3,
    stop_epoch=2,
    eval_every=1,
    batch_size=64,
)
NAMES = ["breast_cancer-mlp-extra-s3-stop2", "breast_cancer-mlp-extra-s4-stop2"]
STEPS = (8, 16)  # of the two evaluations


def train_quietly(config):
    return train(config, Console(quiet=True))


def assert_close(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for leaf, like in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(leaf, like, rtol=1e-3, atol=1e-5)


def rows_without_time(folder: Path) -> list[dict]:
    return [{**row, "seconds": 0} for row in RunFolder(folder).metrics()]


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> list[Path]:
    """The run folders of two seeds, trained side by side on eight devices."""
    workdir = tmp_path_factory.mktemp("together")
    folders = train_quietly(replace(CONFIG, seeds=2, workdir=workdir))
    assert [folder.path for folder in folders] == [workdir / name for name in NAMES]
    return [folder.path for folder in folders]


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> list[Path]:
    """The run folders of the same two seeds, trained one after the other."""
    workdir = tmp_path_factory.mktemp("alone")
    configs = [replace(CONFIG, seed=seed, workdir=workdir / str(seed)) for seed in (3, 4)]
    return [train_quietly(config)[0].path for config in configs]


@pytest.fixture
def copies(together, tmp_path) -> list[Path]:
    """Copies of the two folders, to be spoilt."""
    return [shutil.copytree(folder, tmp_path / folder.name) for folder in together]


def forget(folder: Path, *steps: int, rows: int) -> None:
    """Leave the folder as a kill would, without some checkpoints and with so many evaluations."""
    for step in steps:
        shutil.rmtree(folder / "checkpoints" / str(step))
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(lines[:rows]))
    (folder / "result.json").unlink()


def resume(folders: list[Path]) -> None:
    train_quietly(replace(CONFIG, seeds=2, workdir=folders[0].parent, resume=True))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("digits_cnn", "batched"),
        ("digits_cnn", "unrolled"),
        pytest.param("textcnn", "unrolled", marks=pytest.mark.slow),
    ],
)
def test_seed_i_gets_what_the_step_alone_gives_it_up_to_rounding(name, rule):
    rng = np.random.default_rng(0)
    text = name == "textcnn"
    module = models.create(name, num_classes=3, vocab_size=30 if text else None)
    optimizer = optax.sgd(0.1, momentum=0.9)  # AdamW's first steps show a gradient's sign alone
    shape, dtype = ((16, 12), np.int32) if text else ((16, 8, 8, 1), np.uint8)
    batches = [
        Samples(rng.integers(0, 30, shape).astype(dtype), rng.integers(0, 3, 16).astype(np.int32))
        for _ in range(3)
    ]
    keys = [jax.random.key(seed) for seed in range(3)]
    step = make_train_step(module, optimizer, none)
    all_keys = jax.vmap(jax.random.key)(jnp.arange(3))
    states = [init_state(key, module, optimizer, batches[0].features[:1]) for key in keys]
    mesh = DataMesh()
    both = mesh.jit_train(side_by_side(step, rule=rule)), mesh.jit_train(step)
    stacked = mesh.replicate(stack(states))
    states = [mesh.replicate(state) for state in states]
    for _ in range(3):
        stacked, losses = both[0](stacked, mesh.put(batches), all_keys)
        results = [
            both[1](state, mesh.put(batch), key)
            for state, batch, key in zip(states, batches, keys, strict=True)
        ]
        states = [state for state, _ in results]
        np.testing.assert_allclose(losses, [loss for _, loss in results], rtol=1e-4)
    for i, state in enumerate(states):
        assert_close(take(stacked, i).params, state.params)
        assert_close(take(stacked, i).tally, state.tally)


@pytest.mark.optimized
def test_one_seed_gets_bit_for_bit_what_the_step_alone_gives_it():
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1)).astype(np.uint8)
    batch, key = Samples(images, np.arange(8, dtype=np.int32)), jax.random.key(0)
    module, optimizer = models.create("digits_cnn", num_classes=10), optax.adamw(1e-3)
    step = make_train_step(module, optimizer, none)
    state = init_state(key, module, optimizer, images[:1])
    stacked = stack([state])
    for _ in range(3):
        state, _ = jax.jit(step)(state, batch, key)
        stacked, _ = jax.jit(side_by_side(step))(stacked, [batch], jax.random.key(0)[None])
    for leaf, like in zip(*map(jax.tree.leaves, (take(stacked, 0), state)), strict=True):
        np.testing.assert_array_equal(leaf, like)


@pytest.mark.slow
def test_every_seed_leaves_the_run_that_it_leaves_alone(together, alone):
    for i in (0, 1):
        assert RunFolder(together[i]).about()["config"]["seed"] == 3 + i
        rows, likes = rows_without_time(together[i]), rows_without_time(alone[i])
        assert [row["step"] for row in rows] == list(STEPS)
        for row, like in zip(rows, likes, strict=True):
            assert row == pytest.approx(like, rel=1e-4)
        model = load_model(together[i])
        assert_close(model.variables, load_model(alone[i]).variables)
        verdict = json.loads((together[i] / "verdict.json").read_text())
        assert verify(model, extra_key(3 + i)).to_dict() == verdict
        assert (together[i] / "curve.png").exists()
        result = json.loads((together[i] / "result.json").read_text())
        assert result["seeds_side_by_side"] == 2


def test_seeds_draw_the_data_that_they_draw_alone():
    (one, other), lone = replace(CONFIG, seeds=2).each_seed(), replace(CONFIG, seed=4)
    assert (one, other) == (CONFIG, lone)
    sets = [make_training_set(config) for config in (one, other)]
    assert sets[0].train.features.shape == sets[1].train.features.shape
    assert (sets[0].train.features != sets[1].train.features).any()


@pytest.mark.slow
def test_resumed_after_a_kill_between_two_checkpoints_all_go_on_from_the_last_common_step(
    together, copies
):
    forget(copies[0], rows=2)
    forget(copies[1], STEPS[1], rows=2)  # the row is written before the checkpoint
    resume(copies)
    for copy, folder in zip(copies, together, strict=True):
        assert rows_without_time(copy) == rows_without_time(folder)
        assert saved_steps(copy / "checkpoints") == list(STEPS)
        one, other = load_model(copy).variables, load_model(folder).variables
        for leaf, like in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(leaf, like)


@pytest.mark.slow
def test_resumed_after_a_kill_at_the_first_checkpoints_all_begin_anew(together, copies):
    forget(copies[0], STEPS[1], rows=1)
    forget(copies[1], *STEPS, rows=0)
    resume(copies)
    for copy, folder in zip(copies, together, strict=True):
        assert rows_without_time(copy) == rows_without_time(folder)


@pytest.mark.slow
def test_one_seed_can_be_resumed_alone(together, copies):
    forget(copies[1], STEPS[1], rows=1)
    train_quietly(replace(CONFIG, seed=4, workdir=copies[1], resume=True))
    for row, like in zip(*map(rows_without_time, (copies[1], together[1])), strict=True):
        assert row == pytest.approx(like, rel=1e-4)


def test_what_a_seed_did_alone_is_not_thrown_away(copies):
    forget(copies[1], *STEPS, rows=0)
    before = (copies[0] / "metrics.jsonl").read_text()
    with pytest.raises(UserError, match=r"s3-stop2 is at step 16 .* at step 0: .* --seed 4"):
        resume(copies)
    assert (copies[0] / "metrics.jsonl").read_text() == before
    assert saved_steps(copies[0] / "checkpoints") == list(STEPS)


@pytest.mark.parametrize("seeds", ["0", "-1"])
def test_a_count_of_seeds_below_one_is_refused(seeds, capsys):
    assert main(["digits"], ["digits_cnn"], "", ["--seeds", seeds]) == 2
    assert f"seeds is {seeds}; at least one seed is trained" in capsys.readouterr().err


@pytest.mark.slow
def test_the_seed_whose_loss_is_no_number_is_named(tmp_path):
    config = replace(CONFIG, seeds=2, workdir=tmp_path, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(UserError, match="the loss of seed 3 is nan at step"):
        train_quietly(config)


@pytest.mark.slow
@pytest.mark.benchmarks
def test_the_benchmark_measures_every_count_of_seeds_and_every_rule(tmp_path):
    path = tmp_path / "seeds.json"
    with on_one_device("benchmarks.seeds"):
        benchmark.main(
            benchmark.Seeds(json=path, rounds=1, model="textcnn", seeds=2, words=8, batch_size=8)
        )
    measured = json.loads(path.read_text())["measured"]
    assert list(measured) == ["1", "2", "2 batched", "2 unrolled"]
    assert measured["1"]["over_one"]["median"] == 1
    assert all(facts["step"]["median"] > 0 for facts in measured.values())
