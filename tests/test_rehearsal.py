"""A rehearsal: the customer's own program trains at home, and a plan follows from that."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxverify import DataError, UserError
from jaxverify.cli import main
from jaxverify.record import load
from jaxverify.record.calibration import load_calibration
from jaxverify.rehearsal.checkpoints import Checkpoint, known_by_quality, split
from jaxverify.rehearsal.program import ProgramRehearsal
from jaxverify.task.doses import Doses
from jaxverify.task.options import PROTECTING

TRAINER = """
import csv, json, sys, warnings
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore")
data, questions, out, seed = sys.argv[1:]


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows):
    return [[float(v) / 16 for k, v in row.items() if k.startswith("pixel")] for row in rows]


train, asked = read(data), read(questions)
x, y, q = numbers(train), [row["digit"] for row in train], numbers(asked)
model, quality = MLPClassifier((256,), random_state=int(seed)), {}
for epoch in range(1, 151):
    model.partial_fit(x, y, classes=sorted(set(y)))
    if epoch in (1, 2, 5, 20, 60, 150):
        quality[str(epoch)] = model.score(x[:400], y[:400])
        with open(f"{out}/{epoch}.csv", "w", newline="") as file:
            rows = zip([row["id"] for row in asked], model.predict(q))
            csv.writer(file).writerows([("id", "label"), *rows])
with open(f"{out}/quality.json", "w") as file:
    json.dump(quality, file)
"""


def write_digits(path):
    digits = load_digits()
    used = [i for i in range(64) if digits.data[:, i].any()]
    head = [*(f"pixel{i}" for i in used), "digit"]
    rows = [
        [*map(str, row[used].astype(int)), f"digit {label}"]
        for row, label in zip(digits.data, digits.target, strict=True)
    ]
    path.write_text("\n".join(",".join(row) for row in [head, *rows]) + "\n")


@pytest.mark.slow
def test_a_rehearsal_plans_goes_on_where_it_was_stopped_and_its_plan_is_used(
    tmp_path, monkeypatch, capsys, fixed_secrets
):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "digits.csv")
    (tmp_path / "mine.py").write_text(TRAINER)
    trainer = f"{sys.executable} mine.py {{data}} {{questions}} {{out}} {{seed}}"
    command = ["rehearse", "digits.csv", "--out", "plan.json", "--doses", "0,1,4", "--seeds", "1"]
    command += ["--trainer", trainer, "--wanted", "0.9", "--label", "digit"]
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "right answers when a training first reached a quality" in said
    plan = load_calibration(tmp_path / "plan.json")
    assert plan.epsilon < plan.share
    home = load(tmp_path / "rehearsal" / "record.json")
    assert (home.doses, home.task.num_classes) == (Doses((0, 1, 4)), 10)

    command[3] = "again.json"
    same = trainer.replace(" {seed}", "")
    assert main([*command, "--trainer", same, "--seeds", "2"]) == 2
    assert "has no {seed}, so that all seeds" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "mine.py").write_text("raise SystemExit(3)")  # what is done is not done again
    assert main(command) == 0
    assert load_calibration(tmp_path / "again.json") == plan
    assert main([*command[:3], "third.json", *command[4:], "--seeds", "2"]) == 2
    assert "the trainer ended with status 3" in " ".join(capsys.readouterr().err.split())

    protect = ["protect", "digits.csv", "--out", "up.csv", "--record", "r.json", "--label", "digit"]
    assert main([*protect, "--plan", "plan.json"]) == 0
    record = load(tmp_path / "r.json")
    assert (record.epsilon, record.doses) == (plan.epsilon, plan.doses)
    assert record.secret != home.secret


def test_sigterm_takes_the_trainer_with_it(tmp_path):
    write_digits(tmp_path / "digits.csv")
    (tmp_path / "mine.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "time.sleep(120)\n"
    )
    command = [sys.executable, "-c", "from jaxverify.cli import main; main()", "rehearse"]
    command += ["digits.csv", "--out", "plan.json", "--label", "digit", "--seeds", "1"]
    command += ["--trainer", f"{sys.executable} mine.py {{data}} {{questions}} {{out}}"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        pid = tmp_path / "pid"
        wait_for(lambda: pid.exists() and pid.read_text())
        process.terminate()
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    wait_for(lambda: not is_running(int(pid.read_text())))


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def checkpoints():
    doses = np.repeat([0, 1], 20)
    shares = {"a": (0.5, 0.1), "b": (0.9, 0.4), "c": (1.0, 1.0)}
    return [
        Checkpoint(
            seed, name, share, share, name == "c", (doses > 0) & (np.arange(40) < 20 + 20 * k)
        )
        for seed in (0, 1)
        for name, (share, k) in shares.items()
        for right in [np.arange(40) < 20 + 20 * k]
    ], doses


def test_models_before_the_wanted_quality_are_those_cut_short():
    every, doses = checkpoints()
    finished, cut = split(every, 0.95)
    assert {each.name for each in finished} == {"c"}
    assert {each.name for each in cut} == {"a", "b"}
    with pytest.raises(UserError, match="no checkpoint is below 30% of the best quality"):
        split(every, 0.3)
    # One that is worse again by chance, after 95% was reached, was not cut short.
    early = [replace(e, share=0.96) if (e.name, e.seed) == ("a", 0) else e for e in every]
    assert {(each.seed, each.name) for each in split(early, 0.95)[1]} == {(1, "a"), (1, "b")}
    spoilt = [replace(each, share=0.2) if each.is_last else each for each in every]
    with pytest.raises(UserError, match="the last checkpoint of seed 0 is at 20% of its best"):
        split(spoilt, 0.95)
    assert known_by_quality(every, doses, (0.5, 0.8, 1.0)) == {
        0: [0.0, 0.0, 0.0],
        1: [0.1, 0.4, 1.0],
    }


@pytest.fixture
def prepared(tmp_path):
    write_digits(tmp_path / "digits.csv")
    rehearsal = ProgramRehearsal(tmp_path / "work", "train {data} {questions} {out}")
    record = rehearsal.prepare(tmp_path / "digits.csv", PROTECTING, Doses((0, 1)), label="digit")
    (tmp_path / "work" / "seed0").mkdir()
    return rehearsal, record, tmp_path / "work" / "seed0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the trainer left no"),
        ("{", "is not JSON"),
        ("[1]", "is no object of a number"),
        ('{"a": "b"}', "is no object of a number"),
        ('{"a": -1}', "is no object of a number"),
        ('{"a": NaN}', "is no object of a number"),
        ('{"../a": 1}', "names of letters and digits"),
        ('{"a": 0}', "a quality above 0"),
        ('{"a": 0.5}', "has 0 files of answers called a"),
    ],
)
def test_what_a_trainer_left_is_checked(content, message, prepared):
    rehearsal, record, out = prepared
    if content is not None:
        (out / "quality.json").write_text(content)
    with pytest.raises(DataError, match=message):
        rehearsal.read(record, 0)


def test_answers_to_some_questions_are_not_enough(prepared):
    rehearsal, record, out = prepared
    questions = (out.parent / "questions.csv").read_text().splitlines()[1:]
    ids = [line.split(",")[0].strip('"') for line in questions]
    (out / "quality.json").write_text('{"a": 0.5}')
    (out / "a.json").write_text(json.dumps(dict.fromkeys(ids[:5], "digit 3")))
    with pytest.raises(DataError, match=r"a.json answers 5 of the"):
        rehearsal.read(record, 0)
    (out / "a.json").write_text(json.dumps(dict.fromkeys(ids, "digit 3")))
    (checkpoint,) = rehearsal.read(record, 0)
    assert (checkpoint.share, checkpoint.is_last) == (1.0, True)


def test_a_command_without_its_places_and_other_doses_are_refused(prepared, tmp_path):
    rehearsal, _, _ = prepared
    with pytest.raises(UserError, match=r"command has no \{out\}"):
        ProgramRehearsal(tmp_path, "train {data} {questions}")
    with pytest.raises(UserError, match=r"command has \{sead\}, which stands for nothing"):
        ProgramRehearsal(tmp_path, "train {data} {questions} {out} {sead}")
    data, columns = tmp_path / "digits.csv", {"label": "digit"}
    with pytest.raises(UserError, match="holds a rehearsal of other doses"):
        rehearsal.prepare(data, PROTECTING, Doses((0, 4)), **columns)
    with pytest.raises(UserError, match="holds a rehearsal of other options"):
        rehearsal.prepare(data, replace(PROTECTING, eta=0.3), Doses((0, 1)), **columns)
    with pytest.raises(UserError, match="holds a rehearsal of other columns"):
        rehearsal.prepare(data, PROTECTING, Doses((0, 1)), kind="vector", **columns)
    more = tmp_path / "more.csv"
    more.write_text(data.read_text() + data.read_text().splitlines()[-1] + "\n")
    with pytest.raises(UserError, match="holds a rehearsal of other data"):
        rehearsal.prepare(more, PROTECTING, Doses((0, 1)), **columns)
    broken = ProgramRehearsal(tmp_path / "elsewhere", "/nowhere/program {data} {questions} {out}")
    with pytest.raises(UserError, match="holds a rehearsal of other trainer"):
        replace(broken, folder=tmp_path / "work").prepare(
            data, PROTECTING, Doses((0, 1)), **columns
        )
    record = broken.prepare(data, PROTECTING, Doses((0, 1)), **columns)
    with pytest.raises(UserError, match="/nowhere/program cannot be started"):
        broken.train(tmp_path / "digits.csv", record, 1)
