"""How the command ends: 0, 1, 2 or 130, and one line where all is not well."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import ANY

import jsonschema
import numpy as np
import pytest

from jaxverify import ExtraTask, __version__
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.exit_status import contained
from jaxverify.record.record import new_record, save
from jaxverify.rendering import TextRendering
from train import json_page

ROOT = Path(__file__).parent.parent
PLAN = ["plan", "--samples", "50000", "--classes", "10"]
ODD = ("[/]", "[red]x", ":smile:", "no\x1b[2J", "\u202eyes", "é" * 40)


def start(*words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    environment.pop("JAXVERIFY_TRACEBACK", None)
    command = [sys.executable, "-m", "jaxverify", *map(str, words)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def run(*words, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with start(*words, **options) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def project(tmp_path):
    """A record whose class names are odd, and right answers."""
    task = ExtraTask("text", (80,), len(ODD), 240, vocab_size=52, labels="balanced")
    record = new_record(task, TextRendering(tuple(f"w{i}" for i in range(50))), ("text",), ODD)
    save(record, tmp_path / "record.json")
    labels = np.asarray(record.samples().labels)
    said = dict(zip(sample_ids(record), [ODD[label] for label in labels], strict=True))
    (tmp_path / "answers.json").write_text(json.dumps(said))
    return tmp_path


def verify(project, *options):
    answers = str(project / "answers.json")
    words = ["verify", str(project / "record.json"), "--predictions", answers]
    return main([*words, *map(str, options)])


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("secret"), "jaxverify failed (KeyError in test_cli_exit_status.py, line "),
        (OSError(28, "No space left on device", "a.html"), "a.html: No space left on device"),
        (OSError("short write"), "short write"),
        (BrokenPipeError(32, "Broken pipe"), "nobody reads the output any more"),
        (MemoryError(), "not enough memory"),
        (RecursionError("deep"), "RecursionError"),
    ],
)
def test_any_exception_is_2_after_one_line_that_shows_no_value(error, line, capsys, monkeypatch):
    monkeypatch.delenv("JAXVERIFY_TRACEBACK")
    assert contained(lambda: fail(error)) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1
    assert "secret" not in err
    monkeypatch.setenv("JAXVERIFY_TRACEBACK", "1")
    with pytest.raises(type(error)):
        contained(lambda: fail(error))


def test_standard_output_that_cannot_be_written_is_2_and_one_that_is_closed_no_matter():
    with open("/dev/full", "w") as full:
        for options in ([], ["--json"]):
            status, _, err = run(*PLAN, *options, stdout=full)
            assert (status, err.count("\n")) == (2, 1)
            assert "No space left on device" in err
        assert run(*PLAN, "--alpha", "7", stdout=full, stderr=full)[0] == 2
        for unbuffered in ("", "1"):
            assert run("plan", "--help", stdout=full, env={"PYTHONUNBUFFERED": unbuffered})[0] == 2
    reader, writer = os.pipe()
    os.close(reader)
    status, _, err = run(*PLAN, stdout=writer)
    assert (status, err.count("\n")) == (2, 1)
    os.close(writer)
    closed = f"exec {sys.executable} -m jaxverify {' '.join(PLAN)} >&- 2>&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(closed, shell=True, env=environment).returncode == 0


def test_an_upload_that_was_written_is_not_lost_where_nothing_can_be_said(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{','.join(f'{x:.4f}' for x in rng.random(20))},c{i % 4}" for i in range(3000)]
    names = ",".join(f"p{i}" for i in range(20))
    (tmp_path / "data.csv").write_text("\n".join([f"{names},label", *rows]) + "\n")
    words = ("protect", "data.csv", "--out", "up.csv", "--record", "record.json")
    with open("/dev/full", "w") as full:
        status, _, err = run(*words, stdout=full, cwd=tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "up.csv and record.json are written, but the output cannot be" in err
    assert (tmp_path / "up.csv").exists()


def test_names_are_shown_as_they_stand_whatever_the_terminal_can_show(project, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert verify(project) == 0
    assert main(["show", str(project / "record.json")]) == 0
    out = "".join(capsys.readouterr().out.split())
    for name in ("[/]", "[red]x", ":smile:", "no\\x1b[2J", "\\u202eyes"):
        assert name in out
    assert "\x1b" not in out
    status, out, err = run("show", project / "record.json", env={"PYTHONIOENCODING": "ascii"})
    assert (status, err) == (0, "")
    assert "\\xe9" in out


def test_a_request_to_end_is_an_interruption(project):
    words = ["verify", project / "record.json", "--predictions", "-"]
    for name in (signal.SIGTERM, signal.SIGINT):
        with start(*words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(3)  # it waits for its input
            process.send_signal(name)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err.count("\n")) == (130, 1)
        assert "interrupted; start the same command again" in err


def test_the_version_and_what_was_likely_meant(capsys):
    for words, status, text in (
        (["--version"], 0, f"jaxverify {__version__}"),
        (["verfy", "record.json"], 2, "did you mean verify?"),
        ([*PLAN, "--jsn"], 2, "did you mean --json?"),
        ([*PLAN, "--js"], 2, "unrecognized arguments: --js"),
        ([*PLAN, "--\x1b[2J"], 2, "\\x1b[2J"),
    ):
        with pytest.raises(SystemExit, match=str(status)):
            main(words)
        said = capsys.readouterr()
        assert text in said.out + said.err
        assert "\x1b" not in said.err


@pytest.mark.parametrize("name", ["--html", "--in-toto"])
def test_an_output_never_takes_the_place_of_what_must_stay(name, project, capsys):
    names = ("record.json", "answers.json", "record.json.ledger")
    (project / "record.json.ledger").write_text("")
    before = {each: (project / each).read_bytes() for each in names}
    for each in names:
        assert verify(project, name, project / each, "--force") == 2
        assert "must stay as it is" in " ".join(capsys.readouterr().err.split())
    assert {each: (project / each).read_bytes() for each in names} == before
    page = project / "page"
    page.write_text("mine")
    assert verify(project, name, page) == 2
    assert page.read_text() == "mine"
    assert verify(project, name, page, "--force") == 0
    assert page.read_text() != "mine"
    assert f"{page.name}" in "".join(capsys.readouterr().out.split())
    assert verify(project, "--html", page, "--in-toto", page, "--force") == 2
    assert "give two paths" in capsys.readouterr().err


def test_nothing_is_asked_where_an_output_cannot_be_written(project, capsys):
    (project / "answers.json").unlink()  # asking would fail
    for path in (project / "nowhere" / "x", project, os.devnull):
        assert verify(project, "--html", path) == 2
        assert "answers.json" not in capsys.readouterr().err


def test_a_dash_is_standard_output_or_input(project, capsys, monkeypatch):
    assert verify(project, "--html", "-") == 0
    said = capsys.readouterr()
    assert said.out.startswith("<!doctype html>")
    assert said.out.rstrip().endswith("</html>")
    assert "PASS" in said.err
    assert verify(project, "--in-toto", "-", "--quiet") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["predicate"]["result"] == "PASSED"
    assert said.err == ""
    assert verify(project, "--html", "-", "--json") == 2
    answers = (project / "answers.json").read_text()
    rows = "".join(f"{name},{json.dumps(said)}\n" for name, said in json.loads(answers).items())
    for text in (
        answers,
        answers.replace(", ", ",\n"),
        "id,answer\n" + rows.replace("\\u00e9", "é"),
    ):
        (project / "in").write_text(text)
        with (project / "in").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            main(["verify", str(project / "record.json"), "--predictions", "-", "--json"])
        assert json.loads(capsys.readouterr().out)["num_correct"] >= 160
    with (project / "record.json").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["commit", "-"]) == 0


def test_quiet_says_nothing_and_json_all_the_same(project, capsys):
    assert verify(project, "--quiet", "--html", project / "page.html") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")
    assert verify(project, "--quiet", "--json") == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "PASS"


SCHEMA = json.loads((ROOT / "jaxverify" / "report" / "verdict.schema.json").read_text())


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--test", "permutation"),
        ("--test", "sequential"),
        ("--no-ledger",),
        ("--shard", "1/2"),
        ("--cache", "cache.jsonl"),
    ],
)
def test_what_json_prints_fits_its_schema(options, project, capsys, monkeypatch):
    monkeypatch.chdir(project)
    for _ in range(1 + ("--cache" in options)):
        assert verify(project, "--json", *options) == 0
        facts = json.loads(capsys.readouterr().out)
        jsonschema.validate(facts, SCHEMA)
    assert facts["ledger"] == (None if "--no-ledger" in options else ANY)


def test_the_page_of_fields_is_that_of_the_schema():
    assert json_page.PAGE.read_text() == json_page.fill(json_page.PAGE.read_text())
    assert all(f"| `{name}` |" in json_page.PAGE.read_text() for name in SCHEMA["properties"])
