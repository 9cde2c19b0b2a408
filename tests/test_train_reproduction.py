"""The paper's evaluation: what is run, and that it is run once."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from filelock import FileLock
from rich.console import Console

from jaxverify import UserError
from train.loop import TrainingError
from train.reproduce import main
from train.reproduction import queue
from train.reproduction.arms import ARMS, BASELINE, CELLS, FIFTH_CELL, STANDARD, Arm
from train.reproduction.duration import Durations
from train.reproduction.plan import Run, plan
from train.reproduction.studies import STUDIES
from train.run_folder import RunFolder

ROOT = Path(__file__).parent.parent
PAPER = json.loads((ROOT / "train/paper_tables.json").read_text())
IMDB = ("imdb", "textcnn")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    """A folder of data sets with one in it: 400 texts whose class the words tell."""
    rng = np.random.default_rng(0)
    words = {0: ["good", "fine", "great"], 1: ["bad", "poor", "awful"]}
    labels = np.arange(400) % 2
    texts = [" ".join(rng.choice([*words[y], *"abcdefghijklmnopqrst"], 30)) for y in labels]
    folder = tmp_path_factory.mktemp("data")
    (folder / "imdb").mkdir()
    for split in ("train", "test"):
        table = pyarrow.table({"text": texts, "label": labels})
        pyarrow.parquet.write_table(table, folder / "imdb" / f"{split}.parquet")
    return folder


@pytest.mark.parametrize("budget", ["smoke", "cpu", "gpu", "paper"])
def test_every_run_of_the_plan_has_a_folder_of_its_own_and_a_recipe_that_can_run(budget):
    runs = plan(ARMS, CELLS, budget)
    folders = {run.config(Path("r"), None).run_folder for run in runs}
    assert len(folders) == len(set(runs)) == len(runs)
    for run in runs:
        run.config(Path("r"), None).check()
    of_one_cell = [run for run in runs if run.cell == IMDB and run.seed == 0]
    # 6 by eta and 6 by s share one; then the baseline, and the naive construction by eta.
    assert len(of_one_cell) == 6 + 5 + 1 + 6
    of_seeds = {"smoke": {0}, "cpu": {0}, "gpu": {0, 1, 2}, "paper": {0, 1, 2}}
    of_images = {run.arm for run in runs if run.cell == ("cifar100", "vgg11") and run.seed == 0}
    assert len(of_images) == (6 if budget == "cpu" else 18)
    assert {arm.construction for arm in of_images} == {"none", "regions", "natural"}
    assert {BASELINE, STANDARD} < of_images  # tables 1 to 3
    assert {run.seed for run in runs if run.cell[0] == "cifar10"} == of_seeds[budget]


def test_figure_4_of_resnet34_on_two_cores_is_of_a_fifth_of_cifar10():
    runs = plan([("figure", 4)], [FIFTH_CELL], "cpu")
    configs = [run.config(Path("r"), None) for run in runs]
    assert {(c.train_samples, c.augment, c.epochs) for c in configs} == {(10_000, "none", 20)}
    assert [run.arm.construction for run in runs] == ["none", *["regions"] * 4, *["natural"] * 4]
    by_eta = [run.arm for run in plan([("study", "size")], CELLS, "cpu")]
    assert by_eta == [run.arm for run in runs[1:5]]  # which are not run twice
    whole = [run.config(Path("r"), None) for run in plan([("figure", 4)], [FIFTH_CELL], "paper")]
    assert {config.train_samples for config in whole} == {None}


def test_the_runs_of_the_studies_change_one_thing_each_and_can_run():
    for name, study in STUDIES.items():
        runs = plan([("study", name)], CELLS, "cpu")
        assert {(run.cell, run.arm) for run in runs} == set(study.runs)
        configs = [run.config(Path("r"), None) for run in runs if run.seed == 0]
        assert len({config.run_folder for config in configs}) == len(configs)
        for config in configs:
            config.check()
            assert config.probe_every == config.eval_every / 10


def test_a_study_may_ask_for_more_seeds_than_the_budget_has():
    size, seeds = (STUDIES[name] for name in ("size", "seeds"))
    assert {run.seed for run in plan([("study", "size")], CELLS, "cpu")} == {0}
    assert {run.seed for run in plan([("study", "seeds")], CELLS, "smoke")} == {0}
    both = plan([("study", "size"), ("study", "seeds"), ("figure", 4)], [FIFTH_CELL], "cpu")
    assert len(set(both)) == len(both)
    thrice = {(run.cell, run.arm) for run in both if run.seed == 2}
    assert thrice == {pair for pair in seeds.runs if pair[0] == FIFTH_CELL}
    assert thrice & set(size.runs)  # whose first seeds are of both


def test_an_arm_survives_json():
    arm = STANDARD.with_changes(labels="balanced", eta=0.04).with_changes(epochs=20)
    assert str(arm) == "eta0.04-s0.75-labels=balanced-epochs=20"
    assert Arm.from_json(json.loads(json.dumps(vars(arm)))) == arm
    assert Arm.from_json(json.loads(json.dumps(vars(BASELINE)))) == BASELINE


def test_the_first_seed_of_everything_comes_before_the_second_of_anything():
    seeds = [run.seed for run in plan([("table", 3)], CELLS, "paper")]
    assert seeds == sorted(seeds) == [0] * 16 + [1] * 16 + [2] * 16


def test_a_run_is_what_its_name_says():
    config = Run(IMDB, Arm("regions", eta=0.016, fixed_ratio=0.35), 2, "paper").config(
        Path("r"), Path("d")
    )
    assert config.run_folder == Path("r/paper/imdb-textcnn/eta0.016-s0.35-seed2")
    assert (config.eta, config.fixed_ratio, config.seed) == (0.016, 0.35, 2)
    assert config.data == Path("d/imdb")
    assert not Run(IMDB, BASELINE, 0, "paper").config(Path("r"), None).extra


def finish(config, console):
    """In the place of training: leave what a finished run leaves."""
    folder = RunFolder(config.run_folder)
    folder.checkpoints.mkdir(parents=True)
    folder.write_json("result.json", {"config": config.to_json(), "seconds": 90.0})
    return [folder]


def work_off(runs, root):
    return queue.work_off(runs, root, None, Console(quiet=True))


def test_a_finished_run_is_never_trained_again_and_gives_its_checkpoints_back(
    tmp_path, monkeypatch
):
    trained = []
    monkeypatch.setattr(
        queue, "train", lambda *arguments: trained.append(arguments[0]) or finish(*arguments)
    )
    runs = plan([("table", 3)], [IMDB], "smoke")
    assert work_off(runs, tmp_path) == {}
    assert work_off(runs, tmp_path) == {}
    assert [config.run_folder for config in trained] == [tmp_path / run.name for run in runs]
    assert not list(tmp_path.rglob("checkpoints"))
    durations = Durations(tmp_path, runs)
    assert [durations.expected(run) for run in runs] == [0, 0]
    assert durations.expected(Run(IMDB, Arm("natural"), 0, "smoke")) == 90


def test_a_run_that_another_process_has_in_hand_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(queue, "train", finish)
    first, second = plan([("table", 3)], [IMDB], "smoke")
    (tmp_path / first.name).mkdir(parents=True)
    with FileLock(tmp_path / first.name / ".lock"):
        assert work_off([first, second], tmp_path) == {first: "in work by another process"}
    assert (tmp_path / second.name / "result.json").exists()


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, monkeypatch):
    first, second = plan([("table", 3)], [IMDB], "smoke")

    def train(config, console):
        if not config.extra:
            raise TrainingError("the loss is nan")
        return finish(config, console)

    monkeypatch.setattr(queue, "train", train)
    failed = next(run for run in (first, second) if run.arm == BASELINE)
    assert work_off([first, second], tmp_path) == {failed: "the loss is nan"}


def test_a_folder_that_holds_another_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(queue, "train", finish)
    (run,) = plan([("table", 1)], [IMDB], "smoke")
    work_off([run], tmp_path)
    path = tmp_path / run.name / "result.json"
    path.write_text(path.read_text().replace('"learning_rate": 0.001', '"learning_rate": 0.01'))
    with pytest.raises(UserError, match=r"holds a run with another learning_rate"):
        work_off([run], tmp_path)


def test_the_dry_run_lists_runs_and_trains_nothing(tmp_path, capsys):
    root = tmp_path / "root"
    assert main(["--table", "5", "--cells", "imdb/textcnn", "--dry-run", "--root", str(root)]) == 0
    output = capsys.readouterr().out
    assert "18 runs" in output
    assert len(re.findall(r"eta0.008-s0\.\d+-seed\d", output)) == 18
    assert not root.exists()


def test_fewer_seeds_are_the_first_ones(tmp_path, capsys):
    table = ["--table", "5", "--cells", "imdb/textcnn", "--root", str(tmp_path)]
    assert main([*table, "--seeds", "1", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert len(re.findall(r"-seed0", output)) == len(re.findall(r"-seed\d", output)) == 6


def test_an_unknown_cell_is_named(capsys):
    assert main(["--cells", "imdb/resnet34", "--dry-run"]) == 2
    assert "'imdb/resnet34' is not one of cifar10/resnet34" in capsys.readouterr().err


def test_an_interrupted_queue_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def train(config, console):
        raise KeyboardInterrupt

    monkeypatch.setattr(queue, "train", train)
    assert main(["--cells", "imdb/textcnn", "--budget", "smoke", "--root", str(tmp_path)]) == 130
    assert "the same command goes on with the queue" in capsys.readouterr().err


def command(data: Path, root: Path) -> list[str]:
    script = [sys.executable, "-m", "train.reproduce", "--table", "3", "--cells", "imdb/textcnn"]
    return [*script, "--budget", "smoke", "--data", str(data), "--root", str(root)]


def evaluations(root: Path) -> dict[str, list[dict]]:
    found = {}
    for path in sorted(root.rglob("result.json")):
        rows = json.loads(path.read_text())["evaluations"]
        found[path.parent.name] = [{**row, "seconds": 0} for row in rows]
    return found


@pytest.mark.slow
def test_a_queue_that_is_killed_and_started_again_has_the_same_results(reviews, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = subprocess.run(
        command(reviews, whole), cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "performance loss" in done.stdout

    process = subprocess.Popen(command(reviews, killed), cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(killed.rglob("metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL  # it was not finished before
    assert len(evaluations(killed)) < 2

    subprocess.run(command(reviews, killed), cwd=ROOT, check=True, capture_output=True)
    assert len(evaluations(whole)) == 2
    assert evaluations(killed) == evaluations(whole)
