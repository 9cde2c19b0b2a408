"""Runs of two processes with four simulated devices each, against one process with eight."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxverify
from jaxverify import UserError
from jaxverify.runs import extra_key, load_model, load_variables, saved_steps
from train import tabular
from train.main import main
from train.processes import CONNECT, HEARTBEAT
from train.run_folder import RunFolder
from train.supervisor import _origin

ROOT = Path(__file__).parent.parent
RUN = ["--extra", "--epochs", "3", "--eval-every", "0.5", "--batch-size", "64"]
RUN += ["--eval-batch-size", "112"]


def train_alone(workdir: Path, *arguments: str) -> int:
    """In this process, on its eight devices."""
    return tabular.run([*RUN, "--workdir", str(workdir), *arguments])


def start(workdir: Path, *arguments: str) -> subprocess.Popen:
    """One process of a run, with four devices."""
    command = [sys.executable, "-m", "train.tabular", *RUN, "--workdir", str(workdir)]
    return subprocess.Popen(
        [*command, "--distributed", *arguments],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "4"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def by_hand(address: str, process: int) -> list[str]:
    return ["--coordinator", address, "--num-processes", "2", "--process-id", str(process)]


def start_both(workdir: Path, *arguments: str) -> list[subprocess.Popen]:
    address = free_address()
    return [start(workdir, *by_hand(address, process), *arguments) for process in (0, 1)]


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


def free_job() -> int:
    """The number of a SLURM job for which JAX would choose a port that is free here."""
    for job in range(os.getpid(), os.getpid() + 100):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", job % 2**12 + 2**16 - 2**12))
            return job
    raise OSError("no port is free")


def end(process: subprocess.Popen, within: float = 300) -> tuple[int, str, str]:
    """Exit status, output and errors."""
    try:
        output, errors = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, output, errors


def end_both(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """As :func:`end`; both have ended, whatever is then found wrong with one of them."""
    return [end(process) for process in processes]


def child(process: subprocess.Popen) -> int:
    """The process that trains, whose parent waits for it."""
    children = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    [pid] = [line.split()[0] for line in children if "spawn_main" in line]
    return int(pid)


def wait_until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_checkpoint(workdir: Path) -> int:
    wait_until(lambda: saved_steps(workdir / "checkpoints"))
    return saved_steps(workdir / "checkpoints")[-1]


def one_line(errors: str) -> str:
    """The error stream, of which JAX's notes on proxies are no part."""
    [line] = [line for line in errors.splitlines() if "proxy" not in line.lower()]
    return line


def check_same_run(workdir: Path, whole: Path) -> None:
    """The same evaluations and parameters, but for the order of float32 sums."""
    rows, expected = RunFolder(workdir).metrics(), RunFolder(whole).metrics()
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
        for name in ("train_accuracy", "test_accuracy", "extra_accuracy"):
            assert row[name] == pytest.approx(other[name], abs=0.005)
    last = RunFolder(whole).saved_step()
    assert saved_steps(workdir / "checkpoints")[-1] == last
    one, two = (load_variables(path / "checkpoints", last) for path in (whole, workdir))
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for array, other in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-2, atol=1e-4)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory):
    """A process whose coordinator is not there; it waits while the other tests run."""
    process = start(tmp_path_factory.mktemp("lonely") / "run", *by_hand(free_address(), 1))
    yield process
    process.kill()
    process.communicate()
    process.communicate()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run that all others must equal."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    assert train_alone(workdir) == 0
    return workdir


@pytest.mark.slow
@pytest.mark.distributed
def test_one_process_killed_ends_all_and_one_or_two_go_on(lonely, request, tmp_path):
    workdir = tmp_path / "run"
    survivor, victim = start_both(workdir)
    step = wait_for_checkpoint(workdir)
    os.kill(child(victim), signal.SIGKILL)
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(end, process, HEARTBEAT + 30) for process in (victim, survivor)]
        whole = request.getfixturevalue("whole")  # trained while the survivor misses the other

    status, _, errors = ends[0].result()
    assert status == 2
    assert "process 1 of 2 was killed (SIGKILL)" in one_line(errors)
    status, _, errors = ends[1].result()
    assert status == 2
    assert "process 0 of 2" in one_line(errors)
    last = RunFolder(workdir).saved_step()
    assert last >= step
    assert f"the last checkpoint is of step {last}: the same commands with --resume" in errors
    assert not (workdir / "result.json").exists()

    assert train_alone(workdir, "--resume", "--stop-epoch", "1.5") == 0
    first, second = end_both(start_both(workdir, "--resume"))
    assert (first[0], second) == (0, (0, "", "")), first
    assert "going on after step 12 of 24" in first[1]
    check_same_run(workdir, whole)


@pytest.mark.slow
@pytest.mark.distributed
def test_two_processes_of_four_devices_are_one_run_of_eight(lonely, whole, tmp_path):
    workdir = tmp_path / "run"
    (status, shown, errors), second = end_both(start_both(workdir))
    assert (status, second) == (0, (0, "", "")), errors
    assert "8 x cpu" in shown
    check_same_run(workdir, whole)
    assert {path.name for path in workdir.iterdir()} == {path.name for path in whole.iterdir()}
    verdict = jaxverify.verify(load_model(workdir), extra_key(0))
    assert verdict.to_dict() == json.loads((workdir / "verdict.json").read_text())


@pytest.mark.slow
@pytest.mark.distributed
def test_seeds_side_by_side_are_the_same_over_two_processes(lonely, whole, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert train_alone(one, "--seeds", "2") == 0
    (status, _, errors), second = end_both(start_both(two, "--seeds", "2"))
    assert (status, errors, second) == (0, "", (0, "", ""))
    names = [f"breast_cancer-mlp-extra-s{seed}" for seed in (0, 1)]
    for name in names:
        check_same_run(two / name, one / name)
    check_same_run(two / names[0], whole)


@pytest.mark.slow
@pytest.mark.distributed
def test_the_first_process_killed_ends_all_with_its_own_child(lonely, tmp_path):
    victim, survivor = start_both(tmp_path / "run")
    wait_until((tmp_path / "run/config.json").exists)
    trainer = child(victim)
    victim.kill()

    status, _, errors = end(survivor, within=HEARTBEAT + 30)
    assert status == 2
    assert "process 1 of 2" in one_line(errors)
    victim.communicate()  # returns when the child, too, has closed its streams
    wait_until(lambda: not Path(f"/proc/{trainer}/cmdline").exists())


@pytest.mark.slow
@pytest.mark.distributed
def test_processes_of_different_runs_refuse_together(lonely, tmp_path):
    address = free_address()
    other = ["--seed", "1", "--learning-rate", "1"]
    processes = [
        start(tmp_path / "run", *by_hand(address, 0)),
        start(tmp_path / "run", *by_hand(address, 1), *other),
    ]
    for status, _, errors in end_both(processes):
        assert status == 2
        assert "process 1 has another seed, learning_rate than process 0" in one_line(errors)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.distributed
def test_under_slurm_nothing_but_distributed_is_needed(lonely, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", str(free_job()))
    monkeypatch.setenv("SLURM_STEP_NODELIST", "127.0.0.1")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    processes = []
    for rank in ("0", "1"):
        monkeypatch.setenv("SLURM_PROCID", rank)
        monkeypatch.setenv("SLURM_LOCALID", rank)
        processes.append(start(tmp_path / "run", "--batch-size", "12"))
    for status, _, errors in end_both(processes):
        assert status == 2
        assert "batch_size is 12, not a multiple of the 8 devices" in one_line(errors)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.distributed
def test_a_coordinator_that_is_not_there_is_given_up(lonely):
    status, _, errors = end(lonely, within=CONNECT + 60)
    assert status == 2
    assert f"after {CONNECT} seconds the coordinator at 127.0.0.1:" in one_line(errors)


def test_an_error_is_traced_to_what_it_was_raised_from():
    gone = KeyError("gone")
    late = TimeoutError("late")
    late.__cause__ = gone
    assert _origin(late, KeyError) is gone
    assert _origin(late, OSError) is late  # a TimeoutError is one
    assert _origin(late, UserError) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--coordinator", "a:1"], "coordinator is a:1, but distributed is not set"),
        (["--distributed", "--coordinator", "a"], "coordinator is 'a'; it must be HOST:PORT"),
        (["--distributed", "--num-processes", "2", "--process-id", "2"], "process_id is 2, of 2"),
    ],
)
def test_a_mistake_about_the_processes_is_one_line_and_status_2(arguments, message, capsys):
    assert main(["digits"], ["digits_cnn"], "", arguments) == 2
    assert message in one_line(capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.distributed
def test_without_a_cluster_the_processes_must_be_told_where_they_are(capfd):
    assert main(["digits"], ["digits_cnn"], "", ["--distributed"]) == 2
    assert "give --coordinator HOST:PORT" in one_line(capfd.readouterr().err)
