"""Commands that are killed at any time (SIGKILL), and started again.

python -m benchmarks.faults.kills [--number 100] [--kinds protect_table verify_cache]

Each outcome is a line of ``kills.jsonl``: what the kill left, and whether the same command, started
again, came to what it comes to undisturbed.
"""

import csv
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tyro
from PIL import Image
from rich.console import Console

from benchmarks.faults import checks, publication
from benchmarks.faults.outcomes import Outcome, add, read
from benchmarks.faults.projects import DATA, PROTECT
from benchmarks.faults.running import Ran, own_process
from benchmarks.faults.scenario import Base, Scenario
from benchmarks.faults.server import Exchange, Server
from benchmarks.faults.trial import projects_in
from benchmarks.fresh_process import ROOT
from benchmarks.results import write
from train.provenance import code_revision

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
        status: to which it comes undisturbed.
        wrong: what is not as it is undisturbed, from the folder; a sentence each.
    """

    project: str
    command: tuple[str, ...]
    makes: tuple[str, ...]
    wrong: Callable[[Path], list[str]]
    status: int = 0


def _protect(project: str, suffix: str) -> Kill:
    words = ("protect", DATA[project], "--out", f"out{suffix}", "--record", "new.json", *PROTECT)
    made = (f"out{suffix}", "new.json")
    return Kill(project, words, made, lambda folder: _upload(folder, project, folder / made[0]))


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


def _ledger(folder: Path) -> list[str]:
    """Whether one attempt was written down, which passed, and the reports are whole."""
    text = (folder / "record.json.ledger").read_text()
    wrong = [] if text.count("\n") == 1 else [f"{text.count(chr(10))} attempts in the ledger"]
    if json.loads(text.splitlines()[0])["outcome"] != "PASS":
        wrong.append("another outcome")
    if not (folder / "report.html").read_text().rstrip().endswith("</html>"):
        wrong.append("the report is cut short")
    return wrong


def _asked(folder: Path) -> list[str]:
    """Whether the questions are those that were written undisturbed."""
    one, other = ((folder / name).read_bytes() for name in ("asked.csv", "questions.csv"))
    return [] if one == other else ["other questions"]


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
        (self.folder / "record.json.ledger").unlink(missing_ok=True)
        self._port = int((projects / "port").read_text())
        known = projects / f"{kill.project}.json"
        self._answers = json.loads(known.read_text())["right"] if known.exists() else {}
        words = tuple(word.format(port=self._port) for word in kill.command)
        self._scenario = Scenario("kill", "", Base(kill.project, words), words)
        self.before = checks.files(self.folder)

    def run(self, after: float | None = None) -> tuple[Ran, int]:
        """Run it, killed after so many seconds; and how many questions were asked."""
        asked: list[int] = []

        def count(exchange: Exchange) -> None:
            asked.append(len(exchange.questions))
            _slowly(exchange)

        with ExitStack() as stack:
            if "--url" in self._kill.command:
                stack.enter_context(Server(self._port, self._answers, count))
            process = own_process(self._scenario, self.folder, self._temporary)
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
    name: str, kind: str, projects: Path, place: Path, share: float, usual: float
) -> Outcome:
    """Kill one at a share of its usual time, start it again, and compare."""
    kill = KINDS[kind]
    trial = Trial(kill, projects, place)
    first, asked_before = trial.run(share * usual)
    finished = all((trial.folder / each).exists() for each in kill.makes)
    left, wrong, err, status = trial.left(), [], "", first.status
    cache = trial.folder / "new.cache.jsonl"
    kept = max(0, cache.read_text().count("\n") - 1) if cache.exists() else 0
    # What was whole already would rightly be refused.
    if kill.command[0] == "verify" or not finished:
        again, asked = trial.run()
        status, err = again.status, again.err.decode("utf-8", "replace")
        if again.status != kill.status:
            wrong.append(f"status: {again.status} when started again")
        if asked_before and asked != len(_questions(trial)) - kept + min(_AGAIN, kept):
            wrong.append(f"asked: {asked} with {kept} kept")
    if not any(each.startswith("status") for each in wrong):
        wrong += [f"result: {each}" for each in kill.wrong(trial.folder)]
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


@dataclass(frozen=True)
class Config:
    """What is killed."""

    number: int = 100
    """Kills of each kind."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """Commands that are killed."""
    seed: int = 0
    """From which the times are drawn."""
    runs: Path = ROOT / "runs" / "faults"
    """Where the outcomes are kept."""
    minutes: float = 1e9
    """Stop after so long; the same command goes on."""
    json: Path | None = None
    """Write the counts to this file; results/benchmarks/kills.json is that of docs/faults.md."""


def main(config: Config) -> int:
    """Kill what was not killed yet, and count."""
    start, console = time.monotonic(), Console()
    folder = config.runs / f"{(code_revision() or 'unknown')[:12]}-{config.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    projects, path = projects_in(folder), folder / "kills.jsonl"
    done = {outcome.name for outcome in read(path)}
    usual: dict[str, float] = {}
    for i in range(config.number):
        for kind in config.kinds:
            name = f"kill/{config.seed}/{kind}/{i}"
            if name in done or time.monotonic() - start > 60 * config.minutes:
                continue
            if kind not in usual:
                usual[kind] = _usual(kind, projects)
            with tempfile.TemporaryDirectory(prefix="faults-") as place:
                share = Random(name).random()
                outcome = killed(name, kind, projects, Path(place), share, usual[kind])
            add(path, outcome)
            console.print(
                f"{name}: {outcome.variant}: {outcome.violations}", markup=False, highlight=False
            )
    outcomes = [outcome for outcome in read(path) if outcome.kind in config.kinds]
    console.print(publication.kill_table(publication.kill_counts(outcomes)), markup=False)
    if config.json is not None:
        asked = {"number": config.number, "kinds": config.kinds, "seed": config.seed}
        found = {"seconds": usual, "kinds": publication.kill_counts(outcomes)}
        write(config.json, "benchmarks.faults.kills", asked, found)
        publication.publish()
    return 0


def _usual(kind: str, projects: Path) -> float:
    """Seconds undisturbed, the second time of two."""
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="faults-") as place:
            ran, _ = Trial(KINDS[kind], projects, Path(place)).run()
            assert ran.status == KINDS[kind].status, ran
    return ran.seconds


if __name__ == "__main__":
    raise SystemExit(main(tyro.cli(Config, description=__doc__)))
