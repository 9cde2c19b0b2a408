"""Spend some minutes of a GPU on what is wanted most; a second call continues the first.

    python -m benchmarks.gpu --minutes 8 --data FOLDER --out runs/gpu

A task is the command line of a module, run in a process of its own, one at a time. In it {out}
stands for the task's own path under --out and {data} for --data, a folder with one of Parquet files
for each data set. A task that the time cuts short begins again in the next call, and a training run
goes on at its last checkpoint. Any module will do:

    python -m benchmarks.gpu --tasks "train.cifar --epochs 30 --data {data}/cifar10 --workdir {out}"
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from jaxverify.errors import UserError
from jaxverify.exit_status import exit_status
from jaxverify.files.whole import write_whole

ROOT = Path(__file__).parent.parent
STATE = "tasks.json"
_PATIENCE = 15  # seconds to end by itself, of a task that was asked to
_LEAST = 20  # seconds that no task is begun with

_CIFAR = "train.cifar --data {data}/cifar10 --workdir {out} --resume"
_STEPS = "benchmarks.train_step --rounds 5 --json {out}.json --models"
_TABLES = "train.reproduce --budget gpu --data {data} --root {out} --cells"
_MODELS = ("resnet34", "vgg11", "textcnn", "att_blstm")
# Most wanted first: whether the paper's task is learnt under the paper's recipe; which layout of
# resnet34 reaches the paper's accuracy; what each part of the library costs; the paper's tables.
WANTED = (
    f"{_CIFAR} --extra --model vgg11",
    f"{_CIFAR} --model resnet34 --epochs 30",
    f"{_CIFAR} --model resnet34_cifar --epochs 30",
    *(f"{_STEPS} {model}" for model in _MODELS),
    "benchmarks.numerics --json {out}.json",
    "benchmarks.run_cost --model vgg11 --data {data}/cifar10 --rounds 5 --json {out}.json",
    "benchmarks.per_example --rounds 5 --json {out}.json",
    "benchmarks.verify --no-training --rounds 5 --json {out}.json",
    "benchmarks.seeds --model vgg11 --json {out}.json",
    "benchmarks.seeds --model textcnn --json {out}.json",
    *(f"{_STEPS} {model} --precision bfloat16" for model in _MODELS),
    f"{_CIFAR} --extra --model resnet34",
    f"{_CIFAR} --model vgg11",
    f"{_CIFAR} --model resnet34",
    f"{_TABLES} cifar10/vgg11 --table 4 --table 5",
    f"{_TABLES} cifar10/vgg11 --figure 4",
    f"{_TABLES} cifar10/resnet34",
)

Outcome = Literal["finished", "failed", "cut short", "no data"]


@dataclass(frozen=True)
class Config:
    """How long, and for what."""

    minutes: float = 8
    """Stop after this many minutes."""
    tasks: tuple[str, ...] = WANTED
    """Command lines, in the order in which they are wanted."""
    data: Path | None = None
    """The folder that {data} stands for; tasks whose data are not in it are left out."""
    out: Path = Path("runs/gpu")
    """The folder for results, logs and the list of finished tasks."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """List the tasks and their outcomes, and run nothing."""


def main(config: Config, console: Console) -> int:
    """Work off the tasks until the time is up, and list what became of each.

    Returns:
        int: 0, or 2 where a task has failed; its log says why.

    Raises:
        UserError: if a task cannot be read.

    Guarantee: each result is on disk when its task ends; a task that is finished is not run again;
    one that failed is tried again by the next call, after all others.
    """
    if not config.minutes > 0:
        raise UserError(f"minutes is {config.minutes}; it must be positive")
    for task in config.tasks:
        words(config, task)
    deadline = time.monotonic() + 60 * config.minutes
    outcomes = _outcomes(config)
    if not config.dry_run:
        work_off(config, console, lambda: deadline - time.monotonic())
        outcomes = _outcomes(config)
    console.print(_table(config, outcomes))
    return 2 if "failed" in {one["outcome"] for one in outcomes.values()} else 0


def work_off(config: Config, console: Console, remaining: Callable[[], float]) -> None:
    """Run the tasks that are not finished, until no seconds are ``remaining``."""
    config.out.mkdir(parents=True, exist_ok=True)
    outcomes = _outcomes(config)
    left = [task for task in config.tasks if _outcome(outcomes, task) != "finished"]
    left.sort(key=lambda task: _outcome(outcomes, task) == "failed")
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        total = remaining()
        bar = progress.add_task("", total=total)
        for i, task in enumerate(left, start=1):
            if remaining() < _LEAST:
                break
            progress.update(bar, description=f"{i} of {len(left)}: {task}")

            def tick() -> bool:
                progress.update(bar, completed=total - remaining())
                return remaining() > _PATIENCE

            start = time.monotonic()
            outcome = _run(config, task, tick)
            seconds = round(time.monotonic() - start, 1)
            outcomes[task] = {"outcome": outcome, "seconds": seconds}
            write_whole(config.out / STATE, json.dumps(outcomes, indent=1).encode())
            console.print(f"{outcome} after {seconds} s: {task}", markup=False, highlight=False)


def _run(config: Config, task: str, tick: Callable[[], bool]) -> Outcome:
    """Run one task as long as ``tick`` says so."""
    if "{data}" in task and not _has_data(config, task):
        return "no data"
    out = (config.out / task_name(task)).absolute()
    module, *arguments = words(config, task)
    # The card's memory is shared with the processes that a task starts.
    environment = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "PYTHONUNBUFFERED": "1", **os.environ}
    with open(out.with_name(f"{out.name}.log"), "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None and tick():
                time.sleep(0.1)
            cut_short = process.poll() is None
        finally:
            _end(process)
    if process.returncode:
        return "cut short" if cut_short else "failed"
    shutil.rmtree(out / "checkpoints", ignore_errors=True)  # hundreds of megabytes, of no more use
    return "finished"


def _end(process: subprocess.Popen) -> None:
    """End a process, and those that it has started, if need be by force."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    with contextlib.suppress(ProcessLookupError):  # what it left behind
        os.killpg(process.pid, signal.SIGKILL)


def words(config: Config, task: str) -> list[str]:
    """The module and arguments of a task.

    >>> words(Config(out=Path("/gpu")), "benchmarks.verify --json {out}.json")
    ['benchmarks.verify', '--json', '/gpu/benchmarks.verify.json']
    """
    out, data = (config.out / task_name(task)).absolute(), config.data and config.data.absolute()
    try:
        module, *arguments = (word.format(out=out, data=data) for word in shlex.split(task))
    except (ValueError, LookupError) as error:
        raise UserError(
            f"the task {task!r} cannot be read: write a module and its arguments, in which "
            "{out} and {data} alone stand in braces"
        ) from error
    return [module, *arguments]


def _has_data(config: Config, task: str) -> bool:
    return config.data is not None and all(
        Path(word.format(data=config.data)).is_dir()
        for word in shlex.split(task)
        if "{data}" in word
    )


def task_name(task: str) -> str:
    """What tells a task from the others, as a file name."""
    ours = re.sub(r"--(data|workdir|json|root|resume)\b( \{\S+)?", "", task)
    return "-".join(re.findall(r"[\w.]+", ours))[:150]


def _outcomes(config: Config) -> dict[str, Any]:
    path = config.out / STATE
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is damaged: remove it, and all tasks are run again") from error


def _outcome(outcomes: dict[str, Any], task: str) -> Outcome | None:
    return outcomes.get(task, {}).get("outcome")


def _table(config: Config, outcomes: dict[str, Any]) -> Table:
    table = Table("task", "", "s", title=f"{len(config.tasks)} tasks under {config.out}")
    for task in config.tasks:
        one = outcomes.get(task, {})
        table.add_row(task, one.get("outcome", "not begun"), str(one.get("seconds", "")))
    return table


if __name__ == "__main__":
    asked = tyro.cli(Config, prog="python -m benchmarks.gpu", description=__doc__)
    raise SystemExit(
        exit_status(lambda: main(asked, Console()), goes_on="the same command goes on")
    )
