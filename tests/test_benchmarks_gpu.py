"""Minutes of a GPU: tasks in their order, cut short, gone on with, and none twice. On a CPU."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import gpu
from jaxverify.errors import UserError
from jaxverify.runs import saved_steps
from train import cifar, reproduce

TRAINING = "train.tabular --extra --epochs 40 --eval-every 5 --workdir {out} --resume"
NUMERICS = "benchmarks.numerics --quick --json {out}.json"
BROKEN = "benchmarks.no_such_module"
NO_DATA = "train.cifar --data {data}/cifar10 --workdir {out}"


def outcomes(config: gpu.Config) -> dict[str, str]:
    state = json.loads((config.out / gpu.STATE).read_text())
    return {task: one["outcome"] for task, one in state.items()}


@pytest.mark.slow
@pytest.mark.benchmarks
def test_what_the_time_cuts_short_goes_on_in_the_next_call_and_nothing_is_run_twice(
    tmp_path, capsys
):
    config = gpu.Config(tasks=(TRAINING, BROKEN, NO_DATA, NUMERICS), out=tmp_path)
    run = Path(gpu.words(config, TRAINING)[-2])

    def until_there_is_a_checkpoint() -> float:
        return 0 if saved_steps(run / "checkpoints") else 1000

    gpu.work_off(config, Console(), until_there_is_a_checkpoint)
    assert outcomes(config) == {TRAINING: "cut short"}
    assert not (run / "result.json").exists()

    assert gpu.main(config, Console()) == 2
    assert outcomes(config) == {
        TRAINING: "finished",
        BROKEN: "failed",
        NO_DATA: "no data",
        NUMERICS: "finished",
    }
    assert "No module named benchmarks.no_such_module" in (tmp_path / f"{BROKEN}.log").read_text()
    assert "going on after step" in (tmp_path / f"{run.name}.log").read_text()
    assert [row["epoch"] for row in json.loads((run / "result.json").read_text())["evaluations"]]
    assert not (run / "checkpoints").exists()
    (numerics,) = tmp_path.glob("benchmarks.numerics*.json")
    assert json.loads(numerics.read_text())["measured"]["extra task"]["within"]

    order = []
    run_task = gpu._run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "_run", lambda *all_: order.append(all_[1]) or run_task(*all_))
        assert gpu.main(config, Console()) == 2
    assert order == [NO_DATA, BROKEN]  # what failed comes last
    capsys.readouterr()


@pytest.mark.parametrize("task", ["", "train.cifar --workdir {outt}", "train.cifar 'open", "x {0}"])
def test_a_task_that_cannot_be_read_is_refused_before_any_is_run(task, tmp_path):
    config = gpu.Config(tasks=(BROKEN, task), out=tmp_path / "out")
    with pytest.raises(UserError, match="cannot be read: write a module"):
        gpu.main(config, Console())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_without_minutes_nothing_is_run(minutes, tmp_path):
    with pytest.raises(UserError, match="minutes is"):
        gpu.main(gpu.Config(minutes=minutes, out=tmp_path), Console())


def test_a_damaged_list_of_what_is_done_is_said_to_be_so(tmp_path):
    (tmp_path / gpu.STATE).write_text("{")
    with pytest.raises(UserError, match=r"tasks\.json is damaged"):
        gpu.main(gpu.Config(out=tmp_path), Console())


def test_wanted_tasks_have_names_of_their_own_and_are_understood_by_their_scripts(
    tmp_path, monkeypatch, capsys
):
    config = gpu.Config(data=tmp_path / "data", out=tmp_path / "out")
    lines = [gpu.words(config, task) for task in gpu.WANTED]
    assert len({gpu.task_name(task) for task in gpu.WANTED}) == len(gpu.WANTED)
    trained = []
    monkeypatch.setattr("train.loop.train", lambda config, console: trained.append(config))
    for module, *arguments in lines:
        if module == "train.cifar":
            assert cifar.run(arguments) == 0
        if module == "train.reproduce":
            assert reproduce.main([*arguments, "--dry-run"]) == 0
        assert (gpu.ROOT / f"{module.replace('.', '/')}.py").exists()
    assert {run.model for run in trained} == {"vgg11", "resnet34", "resnet34_cifar"}
    assert len({run.workdir for run in trained}) == len(trained)
    assert gpu.main(gpu.Config(dry_run=True, out=tmp_path / "out"), Console()) == 0
    assert "not begun" in capsys.readouterr().out
