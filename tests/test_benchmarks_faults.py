"""Faults in small: every check can fail, and what works is found to work."""

import json
import os
import signal
import subprocess
import sys
import time
from random import Random

import pytest

from benchmarks.faults import bases, checks, killing, outcomes, publication, running
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.projects import make
from benchmarks.faults.running import Ran, Worker
from benchmarks.faults.scenario import Base, Scenario
from benchmarks.faults.server import Exchange, Server
from benchmarks.faults.trial import scenarios, tried

VERIFY = ("verify", "record.json", "--predictions", "wrong.csv")
SECRET = "ab" * 32
RECORD = json.dumps({"secret": SECRET}, indent=1).encode()
BEFORE = {"record.json": (0o100600, "", RECORD), "data.csv": (0o100644, "", b"x\n1\n")}


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "projects"
    make(folder, ["table"])
    return folder


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    compiled = tmp_path_factory.mktemp("compiled")
    workers = Worker(compiled / "one"), Worker(compiled / "two")
    yield workers
    for worker in workers:
        worker.close()


def found(status=2, err="error: no\n", out="", after=None, temporary=None, **changes):
    base = Base("table", VERIFY, knows=changes.pop("knows", False))
    scenario = Scenario("kind", "variant", base, changes.pop("command", VERIFY), **changes)
    ran = Ran(status, out.encode(), err.encode(), 0.1, "no end" if status is None else "")
    now = BEFORE | (after or {})
    wrong = checks.violations(scenario, ran, BEFORE, now, temporary or {})
    return {each.split(":")[0] for each in wrong}


def test_what_is_in_order_is_not_found():
    usage = "usage: jaxverify verify [-h]\n  record\njaxverify verify: error: bad\n"
    assert found() == found(err=usage) == set()
    assert found(status=1, err="") == found(status=0, err="", knows=True) == set()
    assert found(status=130, err="interrupted\n", signal=(2, 0.5)) == set()
    ledger = {"record.json.ledger": (0o100600, "", b'{"outcome": "FAIL"}\n')}
    assert found(status=1, err="", after=ledger) == set()


@pytest.mark.parametrize(
    ("tag", "what"),
    [
        ("traceback", {"err": "Traceback (most recent call last):\nValueError\n", "status": 1}),
        ("traceback", {"err": "Exception ignored in: x\n", "status": 0, "knows": True}),
        ("status", {"status": 3}),
        ("status", {"status": 120}),
        ("status", {"status": -11}),
        ("status", {"status": 1, "command": ("show", "record.json"), "err": ""}),
        ("status", {"status": 130}),
        ("line", {"err": ""}),
        ("line", {"err": "error: a\nb\n"}),
        ("line", {"err": "\nerror: a\n"}),
        ("line", {"err": "error: a\n", "status": 1}),
        ("line", {"err": "usage: x\nno\n"}),
        ("verdict", {"status": 0, "err": ""}),
        ("verdict", {"status": 1, "err": "", "out": "FAIL", "knows": True}),
        (
            "verdict",
            {"status": 1, "err": "", "after": {"x.ledger": (0, "", b'{"outcome": "PASS"}\n')}},
        ),
        ("files", {"after": {"data.csv": (0o100644, "", b"x\n2\n")}}),
        ("files", {"after": {"data.csv": (0o100644, "elsewhere", b"x\n1\n")}}),
        ("secret", {"err": f"error: {SECRET}\n"}),
        ("secret", {"err": f"error: {checks.TOKEN}\n"}),
        ("secret", {"after": {"new.html": (0o100644, "", SECRET.encode())}}),
        ("hang", {"status": None, "err": ""}),
        ("temporary", {"after": {".x.partial": (0, "", b"")}}),
        ("temporary", {"temporary": {"x": (0, "", b"")}}),
        ("left", {"command": ("protect", "d"), "after": {"new.json": (0, "", b"")}}),
        ("controls", {"err": "error: \x1b[31m\n"}),
        ("controls", {"err": "error: \u202eabc\n"}),
    ],
)
def test_what_is_wrong_is_found(tag, what):
    assert tag in found(**what)


def test_a_file_that_is_gone_is_lost():
    scenario = Scenario("kind", "variant", Base("table", VERIFY), VERIFY)
    ran = Ran(2, b"", b"error: no\n", 0.1)
    assert checks.violations(scenario, ran, BEFORE, {}, {}) == [
        "files: record.json is gone",
        "files: data.csv is gone",
    ]


@pytest.mark.parametrize("own", [True, False])
def test_scenarios_are_functions_of_the_seed(own):
    def drawn(seed):
        return [
            (name, each.variant, each.command)
            for name, each in scenarios(tuple(KINDS), seed, 300, own=own)
        ]

    assert drawn(0) == drawn(0) != drawn(1)
    names = [name for name, *_ in drawn(0)]
    assert len(set(names)) == 300
    kinds = {name.split("/")[2] for name in names}
    assert set(KINDS) - kinds == {"no_links" if own else "signals"}


@pytest.mark.slow
def test_what_works_is_found_to_work_and_a_fault_is_injected(projects, workers, tmp_path):
    tried_by_name = {}
    for name, scenario in {
        "verify": plain(VERIFY, knows=False),
        "pass": plain((*VERIFY[:3], "right.csv", "--html", "x.html"), knows=True),
        "ask": plain(
            (*("verify", "record.json", "--url", bases.URL), "--cache", "new.cache.jsonl"),
            knows=True,
            env=bases.ENV,
        ),
        "protect": plain(("protect", "data.csv", "--out", "o.csv", "--record", "n.json", *ETA)),
        "usage": plain(("protect",)),
        "missing": plain(VERIFY, prepare=lambda folder: (folder / "wrong.csv").unlink()),
        "gone": plain(("commit", "record.json"), stdout="closed"),
        "beside": plain(VERIFY, knows=False, beside=("show", "record.json")),
    }.items():
        place = tmp_path / name
        place.mkdir()
        outcome = tried(scenario, projects, place, workers, name)
        tried_by_name[name] = outcome.status
        assert (outcome.violations == []) or name == "gone", outcome
    statuses = {"verify": 1, "pass": 0, "ask": 0, "protect": 0, "usage": 2, "missing": 2}
    assert {name: tried_by_name[name] for name in statuses} == statuses


ETA = ("--eta", "0.2", "--fixed-ratio", "0.5")


def plain(command, *, knows=None, **more):
    return Scenario("none", "none", Base("table", command, knows), command, **more)


def test_a_process_that_waits_hangs_and_one_that_works_does_not(monkeypatch):
    monkeypatch.setattr(running, "_PATIENCE", 0.3)
    for code, hung in (("import time; time.sleep(60)", "no end"), ("while True: pass", "")):
        process = subprocess.Popen([sys.executable, "-c", code])
        try:
            time.sleep(0.4)  # its start
            watch, end = running.Watch(process.pid), time.monotonic() + 1.5
            while time.monotonic() < end and not watch.hung():
                time.sleep(0.05)
            assert watch.hung() == hung or hung == ""
            if not hung:
                assert watch.hung() == ""
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def test_an_endpoint_answers_what_it_knows():
    import requests

    with Server(0, {'"a"': "bee"}, Exchange.answer) as server:
        url = f"http://127.0.0.1:{server.port}/"
        said = requests.post(url, json={"instances": ["a", "b"]}, timeout=5)
    assert said.json() == {"predictions": ["bee", "ant"]}
    assert server.asked >= 1


def test_an_outcome_that_was_cut_short_is_run_again(tmp_path):
    one = outcomes.Outcome("a", "outputs", "v", ["plan"], 2, 0.1, ["hang: x", "hang: y"], "")
    outcomes.add(tmp_path / "o", one)
    with (tmp_path / "o").open("a") as file:
        file.write('{"name": "b"')
    assert outcomes.read(tmp_path / "o") == [one]
    assert publication.counts([one, one])["outputs"]["hang"] == 2
    row = publication.table(publication.counts([one])).splitlines()[2]
    assert row.startswith("| outputs | 1 |")


@pytest.mark.slow
def test_a_command_is_killed_and_started_again(projects, tmp_path):
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "project"
    undisturbed.mkdir()
    questions = (projects / "table" / "questions.csv").read_bytes()
    (undisturbed / "asked.csv").write_bytes(questions)
    outcome = killing.killed("kill/0/challenge/0", projects, tmp_path, 0.2, 1.0, undisturbed)
    assert outcome.status == 0
    assert outcome.violations == []
    (folder / "asked.csv").write_text("other")
    assert killing.KINDS["challenge"].wrong(folder, undisturbed) == ["other questions"]


def test_rows_that_are_missing_or_others_are_found(projects, tmp_path):
    folder, protect = tmp_path / "project", killing.KINDS["protect_table"]
    folder.mkdir()
    names = {"data.csv": "data.csv", "upload.csv": "out.csv", "record.json": "new.json"}
    for old, new in names.items():
        (folder / new).write_bytes((projects / "table" / old).read_bytes())
    assert protect.wrong(folder, folder) == []
    lines = (folder / "out.csv").read_text().splitlines(keepends=True)
    for i in (1, 2, 3):
        (folder / "out.csv").write_text("".join(lines[:i] + lines[i + 1 :]))
        assert protect.wrong(folder, folder)


def test_the_page_has_the_tables_of_the_files():
    text = publication.PAGE.read_text()
    assert publication.fill(text) == text


def test_a_kind_draws_many_variants():
    for kind, make_one in KINDS.items():
        drawn = {make_one(Random(i)).variant for i in range(200)}
        assert len(drawn) >= (5 if kind in ("no_links", "together") else 15), kind
