"""One scenario, from a copy of a project to what was wrong."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol

from benchmarks.faults import checks
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.outcomes import Outcome
from benchmarks.faults.projects import state_in
from benchmarks.faults.running import COMPILE_FAST, Ran, Worker, environment, own_process
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.server import Exchange, Server
from benchmarks.fresh_process import ROOT

_KEPT = 500  # characters of what was said


def projects_in(folder: Path) -> Path:
    """The customers' folders, which are made if they are not there."""
    projects = folder / "projects"
    if not projects.exists():
        command = [sys.executable, "-m", "benchmarks.faults.projects", str(projects)]
        subprocess.run(
            command,
            cwd=ROOT,
            env=environment() | COMPILE_FAST,
            check=True,
            stderr=subprocess.DEVNULL,
        )
    return projects


def scenarios(
    kinds: Sequence[str], seed: int, number: int, *, own: bool
) -> Iterator[tuple[str, Scenario]]:
    """So many, of all kinds in turn, those that can run in a process of their own or not."""
    where = "process" if own else "inside"
    fit: list[str] = [kind for kind in kinds if kind != ("no_links" if own else "signals")]
    for i in range(number if fit else 0):
        kind, turn = fit[i % len(fit)], 0
        while True:
            name = f"{where}/{seed}/{kind}/{i // len(fit)}"
            scenario = KINDS[kind](Random(f"{name}/{turn}"))
            if scenario.in_a_process if own else scenario.in_process:
                break
            turn += 1
        yield name, scenario


def tried(
    scenario: Scenario,
    projects: Path,
    place: Path,
    workers: "tuple[Worker, Worker] | None",
    name: str = "",
) -> Outcome:
    """Run one and look at what it left.

    Args:
        scenario: to be run.
        projects: the customers' folders.
        place: an empty folder.
        workers: processes that stay; None for a process of its own.
        name: of the scenario.
    """
    folder, temporary = place / "project", place / "temporary"
    shutil.copytree(projects / scenario.base.project, folder)
    temporary.mkdir()
    scenario.prepare(folder)
    before = _looked_at(folder)
    port = int((projects / "port").read_text())
    with ExitStack() as stack:
        if any("PORT" in word for word in scenario.command):
            known = json.loads((projects / f"{scenario.base.project}.json").read_text())
            answers = known["right" if scenario.base.knows else "wrong"]
            behave = scenario.server or Exchange.answer
            stack.enter_context(Server(port, answers, behave))
        ran, *beside = _run(scenario, folder, temporary, workers, port)
    after = _looked_at(folder)
    wrong = checks.violations(scenario, ran, before, after, checks.files(temporary), beside)
    said = ran.err.decode("utf-8", "replace") if wrong else ""
    return Outcome(
        name=name,
        kind=scenario.kind,
        variant=scenario.variant,
        command=[word.replace(str(place), "PLACE")[:200] for word in scenario.command],
        status=ran.status,
        seconds=round(ran.seconds, 3),
        violations=wrong,
        err=_kept(said.replace(str(place), "PLACE")),
    )


def _kept(said: str) -> str:
    """The beginning, but of a traceback the end."""
    return said[-_KEPT:] if "Traceback" in said else said[:_KEPT]


class _Runs(Protocol):
    def ended(self) -> Ran: ...


def _run(
    scenario: Scenario,
    folder: Path,
    temporary: Path,
    workers: "tuple[Worker, Worker] | None",
    port: int,
) -> list[Ran]:
    scenario = replace(scenario, env={**state_in(folder), **scenario.env})
    commands = [scenario.command, *([scenario.beside] if scenario.beside else [])]
    started: list[_Runs] = []
    for i, command in enumerate(commands):
        words = [word.replace("PORT", str(port)) for word in command]
        if workers is None:
            started.append(own_process(scenario, folder, temporary, words))
        else:
            workers[i].begin(scenario, folder, temporary, words)
            started.append(workers[i])
    return [each.ended() for each in started]


def _looked_at(folder: Path) -> checks.Files:
    return checks.files(folder)
