"""Whole runs, as a user starts them: results, resumption, and what goes wrong."""

import importlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from devices import on_one_device

import jaxverify
from jaxverify.runs import extra_key, load_model, load_variables, saved_steps
from train import tabular
from train.config import Config, load_config
from train.curve import draw_curve
from train.main import main
from train.run_folder import RunFolder
from train.summary import summarise
from train.training_set import make_training_set

pytestmark = pytest.mark.optimized

ROOT = Path(__file__).parent.parent
SHORT = ["--epochs", "6", "--batch-size", "64", "--eval-every", "1", "--eval-batch-size", "112"]
CELLS = [path.stem for path in (ROOT / "configs").glob("[!_]*.py")]


def train_table(*arguments: str) -> int:
    with on_one_device():
        return train_on_eight(*arguments)


def train_on_eight(*arguments: str) -> int:
    return tabular.run([*SHORT, *arguments])


def command(workdir: Path, *arguments: str) -> list[str]:
    script = [sys.executable, "-m", "train.tabular", "--extra", "--workdir", str(workdir)]
    return [*script, *SHORT, "--eval-every", "0.5", "--probe-every", "0.1", *arguments]


def rows_without_time(workdir: Path) -> list[dict]:
    return [{**row, "seconds": 0} for row in RunFolder(workdir).metrics()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A short run with an extra task, trained in this process on eight devices."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    assert train_on_eight("--extra", "--workdir", str(workdir)) == 0
    return workdir


def test_a_run_folder_holds_all_that_is_promised(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.json",
        "metrics.jsonl",
        "checkpoints",
        "verdict.json",
        "result.json",
        "curve.png",
    }
    result = json.loads((finished / "result.json").read_text())
    assert result["config"]["seed"] == 0
    assert result["task"]["num_samples"] == 114
    assert len(result["data_fingerprint"]) == 64
    assert result["versions"]["jax"]
    assert [row["epoch"] for row in result["evaluations"]] == [1, 2, 3, 4, 5, 6]
    assert result["evaluations"][-1]["test_accuracy"] > 0.8
    assert result["verdict"] == json.loads((finished / "verdict.json").read_text())
    assert (finished / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_verify_works_with_the_saved_model_and_the_key_alone(finished):
    verdict = jaxverify.verify(load_model(finished), extra_key(0))
    assert verdict.to_dict() == json.loads((finished / "verdict.json").read_text())
    last = RunFolder(finished).metrics()[-1]
    assert verdict.to_dict()["accuracy"] == last["extra_accuracy"]


def test_the_best_model_is_kept_beside_the_last(finished):
    rows = RunFolder(finished).metrics()
    best = max(rows, key=lambda row: row["test_accuracy"])["step"]
    assert set(saved_steps(finished / "checkpoints")) == {best, rows[-1]["step"]}
    assert (
        load_model(finished, RunFolder(finished).saved_step(best=True)).task
        == load_model(finished).task
    )


@pytest.mark.slow
def test_a_cloud_that_stops_early_is_the_beginning_of_the_honest_one(finished, tmp_path):
    workdir = tmp_path / "lazy"
    arguments = ["--extra", "--stop-epoch", "2", "--workdir", str(workdir)]
    assert train_on_eight(*arguments) == 0
    assert rows_without_time(workdir) == rows_without_time(finished)[:2]


@pytest.mark.slow
def test_a_stopped_run_can_be_carried_on_to_the_end(finished, tmp_path):
    workdir = tmp_path / "stopped"
    arguments = ["--extra", "--workdir", str(workdir)]
    assert train_on_eight(*arguments, "--stop-epoch", "5") == 0
    assert train_on_eight(*arguments, "--resume") == 0
    assert rows_without_time(workdir) == rows_without_time(finished)
    assert json.loads((workdir / "result.json").read_text())["config"]["stop_epoch"] is None


@pytest.mark.slow
def test_the_baseline_has_no_extra_task(tmp_path):
    workdir = tmp_path / "baseline"
    assert train_table("--epochs", "1", "--workdir", str(workdir)) == 0
    assert load_model(workdir).task is None
    assert not (workdir / "verdict.json").exists()
    result = json.loads((workdir / "result.json").read_text())
    assert result["train_samples"] == 456
    assert "cq_first_crossing" not in result["summary"]


@pytest.mark.slow
def test_text_from_a_folder_of_parquet_files_is_learnt(tmp_path):
    rng = np.random.default_rng(0)
    words = {0: ["good", "fine", "great"], 1: ["bad", "poor", "awful"]}
    labels = np.arange(512) % 2
    texts = [" ".join(rng.choice([*words[y], *"abcdefghijklmnopqrst"], 30)) for y in labels]
    for split in ("train", "test"):
        table = pyarrow.table({"text": texts, "label": labels})
        pyarrow.parquet.write_table(table, tmp_path / f"{split}.parquet")
    options = [
        "--extra",
        "--eta",
        "0.1",
        "--epochs",
        "4",
        "--max-length",
        "40",
        "--eval-every",
        "4",
    ]
    folders = ["--data", str(tmp_path), "--workdir", str(tmp_path / "run")]
    with on_one_device():
        assert main(["imdb"], ["textcnn"], "", [*options, *folders]) == 0
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["summary"]["final_test_accuracy"] > 0.9
    assert result["task"]["kind"] == "text"
    assert result["vocab_size"] == 28  # 26 words and the two reserved ids


@pytest.mark.slow
def test_probing_evaluates_where_a_pass_begins_and_alters_nothing_else(tmp_path):
    options = ["--extra", "--epochs", "28", "--eval-every", "7", "--learning-rate", "5e-3"]
    assert train_table(*options, "--workdir", str(tmp_path / "without")) == 0
    probing = ["--probe-every", "0.5", "--twins", "--workdir", str(tmp_path / "with")]
    assert train_table(*options, *probing) == 0
    without, rows = (rows_without_time(tmp_path / name) for name in ("without", "with"))
    scores = [
        {name: row.pop(name) for name in list(row) if name.startswith(("scores", "sharpened"))}
        for row in rows
    ]
    assert scores[-1]["scores_passed"]
    model = load_model(tmp_path / "with")
    assert model.task is not None
    expected = jaxverify.verify_scores(
        lambda features: model.apply(model.variables, features), extra_key(0), model.task
    )
    assert scores[-1]["scores_p_value"] == pytest.approx(expected.p_value)
    assert scores[-1]["scores_memorised"] == pytest.approx(expected.memorised, abs=1e-4)
    added = [row for row in rows if row["step"] not in {row["step"] for row in without}]
    assert [row for row in rows if row not in added] == without
    assert added
    probes = RunFolder(tmp_path / "with").probes()
    asked = sorted([*rows, *probes], key=lambda row: row["step"])
    assert [row["epoch"] for row in asked] == pytest.approx(np.arange(0.5, 28.1, 0.5), abs=0.06)
    passed = [False, *(row["passed"] for row in asked)]
    begins = [row for i, row in enumerate(asked) if passed[i + 1] and not passed[i]]
    assert all(row in begins for row in added)
    assert all(row in rows for row in begins)
    result = json.loads((tmp_path / "with/result.json").read_text())
    assert result["probes"] == probes
    assert all(0 < row["extra_auc"] <= 1 for row in asked)
    assert all(1 / 2 <= row["extra_commonest"] <= 1 for row in asked)


def wait_for_checkpoint(process: subprocess.Popen, workdir: Path) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if saved_steps(workdir / "checkpoints"):
            break
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_and_resumed_a_run_ends_with_the_same_parameters_bit_for_bit(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    longer = ["--epochs", "8"]  # than it takes to kill it
    subprocess.run(command(whole, *longer), cwd=ROOT, check=True, capture_output=True)

    process = subprocess.Popen(command(killed, *longer), cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for_checkpoint(process, killed)
    process.kill()
    assert process.wait() == -signal.SIGKILL  # it did not finish before
    assert not (killed / "result.json").exists()

    resumed = command(killed, *longer, "--resume")
    output = subprocess.run(resumed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "going on after step" in output
    assert rows_without_time(killed) == rows_without_time(whole)
    last = RunFolder(whole).saved_step()
    assert RunFolder(killed).saved_step() == last
    one, two = (load_variables(path / "checkpoints", last) for path in (whole, killed))
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for array, other in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path):
    words = command(tmp_path / "run", "--epochs", "500")
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_checkpoint(process, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume goes on" in errors
    assert "Traceback" not in errors


def test_a_finished_run_is_not_overwritten_and_not_run_again(finished, capsys):
    before = (finished / "metrics.jsonl").read_text()
    assert train_table("--extra", "--workdir", str(finished)) == 2
    assert "holds a run already: go on with --resume" in capsys.readouterr().err
    assert train_table("--extra", "--workdir", str(finished), "--resume") == 0
    assert (finished / "metrics.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "resnet43"], "did you mean 'resnet34'"),
        (["--dataset", "cifar11"], "dataset is 'cifar11'; did you mean 'cifar1"),
        (["--batch-size", "-1"], "batch_size is -1; it must be positive"),
        (["--stop-epoch", "300"], "stop_epoch is 300.0, outside the 200 epochs"),
        (["--batch-size", "12"], "batch_size is 12, not a multiple of the 8 devices"),
        (["--data", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_status_2(arguments, message, capsys):
    assert main(["cifar10", "cifar100"], ["resnet34", "vgg11"], "", arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert len(output.err.strip().splitlines()) == 1
    assert "Traceback" not in output.err


def test_an_unknown_option_is_refused_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as exit_:
        train_table("--lerning-rate", "1")
    assert exit_.value.code == 2
    assert "--learning-rate" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_the_run(tmp_path, capsys):
    workdir = str(tmp_path / "run")
    arguments = ["--optimizer", "sgd", "--learning-rate", "1e30", "--workdir", workdir]
    assert train_table(*arguments) == 2
    assert "the loss is nan at step" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [["--seed", "1"], ["--learning-rate", "0.5"], ["--precision", "bfloat16"]]
)
def test_another_run_is_not_resumed(finished, change, capsys):
    arguments = ["--extra", "--workdir", str(finished), "--resume", *change]
    assert train_table(*arguments) == 2
    assert f"has another {change[0][2:].replace('-', '_')}" in capsys.readouterr().err


@pytest.mark.parametrize("cell", CELLS)
def test_every_config_loads_and_survives_json(cell):
    dataset = next(
        d
        for d in ("digits", "cifar100", "cifar10", "imdb", "ag_news", "breast_cancer")
        if cell.startswith(d)
    )
    model = cell.removeprefix(f"{dataset}_")
    full, local = load_config(dataset, model), load_config(dataset, model, budget="local")
    assert (full.dataset, full.model) == (dataset, model)
    assert Config.from_json(json.loads(json.dumps(full.to_json()))) == full
    assert full.differences(local)


@pytest.mark.parametrize("cell", CELLS)
def test_the_command_in_a_configs_docstring_is_that_config(cell, monkeypatch):
    doc = (ROOT / "configs" / f"{cell}.py").read_text().split('"""')[1]
    words = next(line for line in doc.splitlines() if "python -m" in line).split()
    script = importlib.import_module(words[2])
    asked = []
    monkeypatch.setattr("train.loop.train", lambda config, console: asked.append(config))
    assert script.run(words[3:]) == 0
    assert f"{asked[0].dataset}_{asked[0].model}" == cell
    assert asked[0].extra


def test_the_naive_construction_gives_test_samples_away_with_random_labels():
    config = replace(load_config("digits", "digits_cnn", budget="local"), extra=True)
    naive = make_training_set(replace(config, construction="natural"))
    baseline = make_training_set(replace(config, extra=False))
    given = len(naive.train.labels) - len(baseline.train.labels)
    assert given == 32
    assert naive.task is None
    kept = {image.tobytes() for image in naive.test.features}
    gone = {
        image.tobytes(): y
        for image, y in zip(*baseline.test, strict=True)
        if image.tobytes() not in kept
    }
    labels = {image.tobytes(): y for image, y in zip(*naive.train, strict=True)}
    assert len(gone) == given
    assert gone.keys() <= labels.keys()
    assert 0 < sum(labels[image] == y for image, y in gone.items()) < given / 2


def test_the_baseline_of_a_seed_trains_on_the_same_original_samples():
    config = load_config("digits", "digits_cnn", budget="local")
    protected = make_training_set(Config.from_json({**config.to_json(), "extra": True}))
    baseline = make_training_set(config)
    images = {image.tobytes() for image in protected.train.features}
    assert {image.tobytes() for image in baseline.train.features} < images
    assert len(protected.train.labels) == len(baseline.train.labels) + 32


def test_validation_holds_samples_out_of_the_training_set():
    values: dict[str, Any] = {"dataset": "digits", "model": "digits_cnn"}
    whole = make_training_set(Config(**values))
    split = make_training_set(Config(**values, validation_split=0.25))
    num_train = len(whole.train.labels)
    assert len(split.test.labels) == round(0.25 * num_train)
    parts = [image.tobytes() for part in (split.train, split.test) for image in part.features]
    assert sorted(parts) == sorted(image.tobytes() for image in whole.train.features)


def test_the_crossing_is_read_four_ways():
    def row(step, test, passed):
        values = {"step": step, "epoch": step / 2, "test_accuracy": test}
        return {**values, "extra_accuracy": 0.2, "passed": passed}

    rows = [row(1, 0.5, False), row(2, 0.7, True), row(3, 0.6, True), row(4, 0.8, False)]
    summary = summarise(rows)
    assert summary["first_crossing"]["step"] == 2
    assert summary["cq_first_crossing"] == pytest.approx(0.7 / 0.8)
    assert summary["lowest_passing"]["step"] == 3
    assert summary["cq_lowest_passing"] == pytest.approx(0.6 / 0.8)
    assert summary["final_passed"] is False
    assert summary["first_whole_epoch"]["step"] == 2
    assert summary["lasting_crossing"] is summary["cq_lasting_crossing"] is None
    lasting = summarise([*rows, row(5, 0.75, True), row(7, 0.8, True)])
    assert lasting["lasting_crossing"]["step"] == 5
    probed = summarise([*rows, row(5, 0.75, True), row(7, 0.8, True)], [row(6, 0, False)])
    assert probed["lasting_crossing"]["step"] == 7
    assert probed["cq_lasting_crossing"] == 1
    odd = summarise([row(1, 0.5, True), row(4, 0.8, True)])
    assert (odd["first_crossing"]["step"], odd["first_whole_epoch"]["step"]) == (1, 4)
    readings = ("first_crossing", "first_whole_epoch", "lasting_crossing")
    for each in (lasting, probed, odd):
        assert each["cq_lowest_passing"] <= min(each[f"cq_{name}"] for name in readings)
    never = summarise(rows[:1])
    assert never["first_crossing"] is None
    assert never["cq_lowest_passing"] is None
    assert draw_curve("no crossing", rows[:1], 0.3).startswith(b"\x89PNG")
