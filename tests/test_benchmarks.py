"""The benchmarks run, in their quick mode, and leave what the documents quote."""

import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import convolution, fresh_process, goals, page, pictures
from benchmarks.gpu import WANTED, task_name
from jaxverify.layers.lowerings import LOWERINGS

ROOT = Path(__file__).parent.parent


def run_quick(name: str, path: Path) -> dict:
    """What ``python -m benchmarks.NAME --quick`` writes."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--rounds", "1"]
    run = subprocess.run(
        [*command, "--json", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    content = json.loads(path.read_text())
    assert content["benchmark"] == f"benchmarks.{name}"
    assert content["config"]["quick"]
    assert str(path) not in path.read_text()
    return content["measured"]


@pytest.mark.slow
@pytest.mark.benchmarks
def test_scaling_measures_export_and_steps_and_its_picture_is_drawn_from_the_file(tmp_path):
    path = tmp_path / "scaling.json"
    measured = run_quick("scaling", path)
    for export in measured["export"]:
        assert {"stream", "memory", "copy", "stream over copy"} <= set(export)
        assert export["stream"]["peak_bytes"] > export["idle_bytes"] > 0
        assert export["file_bytes"] > export["rows"] * measured["features"] * 4
    for model in measured["steps"]:
        assert [row["devices"] for row in model["by devices"]] == [1, 2]
        assert model["by devices"][0]["over one device"]["median"] == 1
    with Image.open(io.BytesIO(pictures.picture("scaling", path.read_bytes()))) as png:
        source = png.info["Source"]
    assert source == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.benchmarks
def test_verify_measures_generation_verification_and_the_extra_task(tmp_path):
    measured = run_quick("verify", tmp_path / "verify.json")
    assert {row["kind"] for row in measured["generation"]} == {"image", "text", "vector"}
    for row in measured["generation"]:
        assert {"generate", "bits", "copy"} == set(row["GB/s"])
    assert {"verify", "jitted"} == set(measured["verify"][0]["over forward"])
    counts = measured["extra"]["number of steps"]
    assert counts == {"baseline": 2 * 456 // 8, "extra": 2 * (456 + 16) // 8}


@pytest.mark.slow
@pytest.mark.benchmarks
def test_start_measures_processors_and_time(tmp_path):
    measured = run_quick("start", tmp_path / "start.json")["start"]
    seconds = {name: timing["median"] for name, timing in measured["processor"].items()}
    assert 0 < seconds["python"] <= seconds["jaxverify --help"] < seconds["import jax"]
    assert seconds["jaxverify --help"] < 0.5
    assert measured["jaxverify over jax"]["median"] < 1
    assert set(measured["passed"]) == set(seconds)
    assert "jaxverify" in measured["packages"]
    assert not {"jax", "numpy", "rich", "pyarrow", "matplotlib"} & set(measured["packages"])


@pytest.mark.slow
@pytest.mark.benchmarks
def test_protect_rows_measures_both_ways_with_their_start_and_without(tmp_path):
    (measured,) = run_quick("protect_rows", tmp_path / "protect_rows.json").values()
    for way in ("plain", "protect"):
        whole = measured["with start"][way]["median"]
        assert whole > measured["without start"][way]["median"] > 0
        assert measured["peak_bytes"][way] > 2**20
    assert measured["without start"]["protect over plain"]["median"] > 0
    assert measured["rows"] == 20_000


@pytest.mark.slow
@pytest.mark.benchmarks
def test_run_cost_measures_the_start_and_the_epochs_of_a_run_and_its_steps_alone(tmp_path):
    (measured,) = run_quick("run_cost", tmp_path / "run_cost.json").values()
    assert min(measured["seconds_to_first_epoch"].values()) > 0
    assert len(measured["seconds_a_step"]["run"]) == len(measured["seconds_a_step"]["alone"])
    assert measured["run_over_steps_alone"] > 1  # an epoch of a small table is mostly evaluation


@pytest.mark.slow
@pytest.mark.benchmarks
def test_convolution_measures_every_lowering_and_names_the_chosen_one(tmp_path):
    path = tmp_path / "convolution.json"
    convolution.main(convolution.Config(json=path, quick=True))
    for shape in json.loads(path.read_text())["measured"].values():
        assert set(shape["seconds"]) == set(LOWERINGS)
        assert shape["over_chosen"][shape["chosen"]]["median"] == 1


@pytest.mark.slow
@pytest.mark.benchmarks
def test_train_step_measures_every_candidate(tmp_path):
    measured = run_quick("train_step", tmp_path / "train_step.json")["textcnn"]
    assert {"ours", "stock Flax", "matrix product"} <= set(measured["seconds"])
    assert all(time["median"] > 0 for time in measured["seconds"].values())
    assert measured["speed_of_ours_over"]["stock Flax"]["median"] > 0


@pytest.mark.slow
@pytest.mark.benchmarks
def test_task_gradients_measures_the_laboratory_and_its_memory(tmp_path):
    measured = run_quick("task_gradients", tmp_path / "task_gradients.json")["digits_cnn"]
    assert measured["seconds_first"] > measured["time"]["laboratory"]["median"] > 0
    assert measured["over_one_pass"]["median"] > 0
    assert measured["peak_bytes"] > 2**20


def test_the_peak_of_a_process_is_its_own():
    code = (
        "import sys; from benchmarks.fresh_process import peak_bytes; "
        "a = b'x' * int(sys.argv[1]); print(peak_bytes())"
    )
    # Not inherited: this process holds far more than a small one by now.
    small, large = (
        int(fresh_process.run(["-c", code, str(size)]).output) for size in (1, 100 * 2**20)
    )
    assert 95 * 2**20 < large - small < 105 * 2**20


@pytest.mark.parametrize("name", pictures.DRAWINGS)
def test_a_committed_picture_was_drawn_from_the_committed_file(name):
    source, picture = pictures.RESULTS / f"{name}.json", pictures.PICTURES / f"{name}.png"
    assert source.exists() == picture.exists()
    if source.exists():
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        with Image.open(picture) as image:
            assert image.info["Source"] == digest


def test_a_goal_is_shown_with_what_was_measured_and_the_card_and_missed_where_it_is(tmp_path):
    goal, other = goals.GOALS[:2]
    assert goal.row(tmp_path)[2:] == ["not measured", ""]
    measured = {"seconds": {"ours": {"median": 0.002}}, "speed_of_ours_over": {}}
    measured["speed_of_ours_over"]["PyTorch"] = {"median": 1.4}
    content = {"measured": {"resnet34": measured}, "devices": "1 x NVIDIA H200", "config": {}}
    (tmp_path / f"{task_name(goal.task)}.json").write_text(json.dumps(content))
    assert goal.row(tmp_path) == ["resnet34, ms a step", "at most 2.5", "2", "1 x NVIDIA H200"]
    assert other.row(tmp_path)[1:3] == ["at least 1.5", "1.4 (missed)"]
    measured["speed_of_ours_over"].clear()  # as without PyTorch
    (tmp_path / f"{task_name(goal.task)}.json").write_text(json.dumps(content))
    assert other.row(tmp_path)[2:] == ["not measured", ""]
    content["config"]["models"] = ["resnet34", "vgg11"]  # cut short
    (tmp_path / f"{task_name(goal.task)}.json").write_text(json.dumps(content))
    assert goal.row(tmp_path)[2:] == ["not measured", ""]


def test_every_goal_is_measured_by_a_task_that_is_wanted():
    assert {goal.task for goal in goals.GOALS} <= set(WANTED)


def test_the_tables_of_the_page_are_those_of_the_committed_files():
    text = page.PERFORMANCE.read_text()
    assert page.fill(text) == text
    assert {*page.TABLES, "goals"} == set(re.findall(r"<!-- (?!end)(\S+) -->", text))
