"""Commands that can be killed, and what they must come to when they are started again."""

import csv
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.faults import checks
from benchmarks.faults.outcomes import Outcome
from benchmarks.faults.projects import DATA, PROTECT, state_in
from benchmarks.faults.running import Ran, own_process
from benchmarks.faults.scenario import Base, Scenario
from benchmarks.faults.server import Exchange, Server

_URL = "http://127.0.0.1:{port}/v1/models/m:predict"
_PAUSE = 0.1  # seconds that the endpoint takes for a request
_BATCH = 4
_AGAIN = 20  # cached answers that are asked for once more


@dataclass(frozen=True)
class Kill:
    """A command that is killed.

    Attributes:
        project: in which it runs.
        command: its words.
        makes: the files of which either all are there or none.
        wrong: what is not as it is undisturbed, from the folder and that of an undisturbed run; a
            sentence each.
        again: more words when it is started again.
    """

    project: str
    command: tuple[str, ...]
    makes: tuple[str, ...]
    wrong: Callable[[Path, Path], list[str]]
    again: tuple[str, ...] = ()


def _protect(project: str, suffix: str) -> Kill:
    words = ("protect", DATA[project], "--out", f"out{suffix}", "--record", "new.json", *PROTECT)
    made = (f"out{suffix}", "new.json")
    return Kill(project, words, made, lambda folder, _: _upload(folder, project, folder / made[0]))


def _upload(folder: Path, project: str, out: Path) -> list[str]:
    """Whether it holds every row once, and the extra ones of the record."""
    from jaxverify.challenge import ID, questions
    from jaxverify.record.record import load

    rows = _FORMS[project]
    asked = questions(load(folder / "new.json"))
    del asked[ID]
    extra = Counter(map(_spelled, zip(*asked.values(), strict=True)))
    there, given = Counter(rows(out)), Counter(rows(folder / DATA[project]))
    wrong = []
    if given - there:
        wrong.append(f"{sum((given - there).values())} rows are not in the upload")
    if there - given != extra:
        wrong.append("the extra rows are not those of the record")
    return wrong


def _spelled(row: tuple[Any, ...]) -> str:
    if isinstance(row[0], bytes):
        import io

        return _pixels(Image.open(io.BytesIO(row[0])))
    if isinstance(row[0], np.ndarray):
        return row[0].tobytes().hex()
    return json.dumps([each.item() if isinstance(each, np.generic) else each for each in row])


def _pixels(image: Image.Image) -> str:
    return np.asarray(image).tobytes().hex()


def _table(path: Path) -> list[str]:
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return [json.dumps([float(value) for value in row[:-1]]) for row in rows]


def _array(path: Path) -> list[str]:
    with np.load(path) as arrays:
        return [image.tobytes().hex() for image in arrays["x"]]


def _images(path: Path) -> list[str]:
    return [_pixels(Image.open(each)) for each in path.rglob("*.png")]


_FORMS: Mapping[str, Callable[[Path], list[str]]] = {
    "table": _table,
    "array": _array,
    "images": _images,
}


def _ledger(folder: Path, undisturbed: Path) -> list[str]:
    """Whether one attempt was written down, which passed, and the reports are whole."""
    text = (folder / "record.json.ledger").read_text()
    wrong = [] if text.count("\n") == 1 else [f"{text.count(chr(10))} attempts in the ledger"]
    if json.loads(text.splitlines()[0])["outcome"] != "PASS":
        wrong.append("another outcome")
    if not (folder / "report.html").read_text().rstrip().endswith("</html>"):
        wrong.append("the report is cut short")
    return wrong


def _asked(folder: Path, undisturbed: Path) -> list[str]:
    """Whether the questions are those that were written undisturbed."""
    one, other = ((place / "asked.csv").read_bytes() for place in (folder, undisturbed))
    return [] if one == other else ["other questions"]


def _trained(folder: Path, undisturbed: Path) -> list[str]:
    """Whether every number is the same, but for the time."""
    rows = []
    for place in (folder, undisturbed):
        lines = (place / "run" / "metrics.jsonl").read_text().splitlines()
        rows.append([{**json.loads(line), "seconds": 0} for line in lines])
    return [] if rows[0] == rows[1] else ["other measurements"]


_VERIFY = ("verify", "record.json", "--html", "report.html")
KINDS: Mapping[str, Kill] = {
    "protect_table": _protect("table", ".csv"),
    "protect_array": _protect("array", ".npz"),
    "protect_images": _protect("images", ""),
    "challenge": Kill(
        "table",
        ("challenge", "record.json", "--out", "asked.csv"),
        ("asked.csv",),
        _asked,
    ),
    "training": Kill(
        "table",
        (
            *("-m", "train.tabular", "--extra", "--workdir", "run", "--epochs", "8"),
            *("--batch-size", "64", "--eval-batch-size", "112", "--eval-every", "0.5"),
        ),
        ("run/result.json",),
        _trained,
        ("--resume",),
    ),
    "verify_cache": Kill(
        "text",
        (*_VERIFY, "--url", _URL, "--cache", "new.cache.jsonl", "--batch-size", str(_BATCH)),
        ("report.html",),
        _ledger,
    ),
    "verify_shard": Kill(
        "table",
        (*_VERIFY, "--predictions", "right.csv", "--shard", "1/2"),
        ("report.html",),
        _ledger,
    ),
}


def _slowly(exchange: Exchange) -> None:
    time.sleep(_PAUSE)
    exchange.answer()


class Trial:
    """A fresh copy of the project, in which a command is run and killed."""

    def __init__(self, kill: Kill, projects: Path, place: Path) -> None:
        """Copy it."""
        self._kill, self.folder = kill, place / "project"
        self._temporary = place / "temporary"
        self._temporary.mkdir()
        shutil.copytree(projects / kill.project, self.folder)
        for ledger in self.folder.rglob("*.ledger"):
            ledger.unlink()
        self._port = int((projects / "port").read_text())
        known = projects / f"{kill.project}.json"
        self._answers = json.loads(known.read_text())["right"] if known.exists() else {}
        words = tuple(word.format(port=self._port) for word in kill.command)
        base = Base(kill.project, words)
        self._scenario = Scenario("kill", "", base, words, env=state_in(self.folder))
        self.before = checks.files(self.folder)

    def run(self, after: float | None = None, more: tuple[str, ...] = ()) -> tuple[Ran, int]:
        """Run it, and kill it ``after`` seconds if given; count the questions that it asked."""
        asked: list[int] = []

        def count(exchange: Exchange) -> None:
            asked.append(len(exchange.questions))
            _slowly(exchange)

        with ExitStack() as stack:
            if "--url" in self._kill.command:
                stack.enter_context(Server(self._port, self._answers, count))
            process = own_process(
                self._scenario, self.folder, self._temporary, (*self._scenario.command, *more)
            )
            ran = process.ended() if after is None else process.killed(after)
        return ran, sum(asked)

    def left(self) -> list[str]:
        """What nobody asked for."""
        new = checks.files(self.folder).keys() - self.before.keys()
        hidden = [name for name in new if name.startswith(".") or name.endswith(".partial")]
        there = [name for name in self._kill.makes if (self.folder / name).exists()]
        alone = there if 0 < len(there) < len(self._kill.makes) else []
        return [
            *(f"hidden {name[:9]}" for name in hidden if "/" not in name),
            *(f"{name} alone" for name in alone),
            *(f"temporary {name}"[:14] for name in checks.files(self._temporary)),
        ]

    def damaged(self) -> list[str]:
        """What was there before and is another."""
        now = checks.files(self.folder)
        return [name for name, file in self.before.items() if now.get(name) != file]


def killed(
    name: str, projects: Path, place: Path, share: float, usual: float, undisturbed: Path
) -> Outcome:
    """Kill a command at a share of its usual time, start it again, and compare.

    Args:
        name: of the trial, whose third part is that of the command.
        projects: the customers' folders.
        place: an empty folder.
        share: of the usual time, after which it is killed.
        usual: seconds.
        undisturbed: the folder in which it ran to its end.
    """
    kind = name.split("/")[2]
    kill = KINDS[kind]
    trial = Trial(kill, projects, place)
    first, asked_before = trial.run(share * usual)
    finished = all((trial.folder / each).exists() for each in kill.makes)
    left, wrong, err, status = trial.left(), [], "", first.status
    cache = trial.folder / "new.cache.jsonl"
    kept = max(0, cache.read_text().count("\n") - 1) if cache.exists() else 0
    # What was whole already would rightly be refused.
    if kill.command[0] == "verify" or not finished:
        again, asked = trial.run(more=kill.again)
        status, err = again.status, again.err.decode("utf-8", "replace")
        if again.status != 0:
            wrong.append(f"status: {again.status} when started again")
        if asked_before and asked != len(_questions(trial)) - kept + min(_AGAIN, kept):
            wrong.append(f"asked: {asked} with {kept} kept")
    if not any(each.startswith("status") for each in wrong):
        wrong += [f"result: {each}" for each in kill.wrong(trial.folder, undisturbed)]
        wrong += [f"temporary: {each} after it was started again" for each in trial.left()]
    wrong += [f"files: {each} is another" for each in trial.damaged()]
    variant = f"killed after {share:.0%}; left: {', '.join(sorted(set(left))) or 'nothing'}"
    return Outcome(
        name, kind, variant, list(kill.command), status, round(first.seconds, 3), wrong, err[:500]
    )


def _questions(trial: Trial) -> list[str]:
    from jaxverify.challenge import sample_ids
    from jaxverify.record.record import load

    return list(sample_ids(load(trial.folder / "record.json")))
