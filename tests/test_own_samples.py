"""Own training samples among the questions: who learned the extra samples alone does not pass."""

import json

import numpy as np
import pytest

from jaxverify import DataError, ExtraTask, stats
from jaxverify.challenge import questions, sample_ids
from jaxverify.challenge.real_samples import read_own
from jaxverify.cli import main
from jaxverify.record.record import new_record, save
from jaxverify.record.shard import WHOLE, Shard
from jaxverify.rendering import TextRendering

WORDS = tuple(f"w{i}" for i in range(50))
NAMES = ("no", "yes", "maybe", "never")
ROWS = [
    {"text": f"w{i % 50} w{i // 50}", "label": NAMES[i * i % 4], "size": 3} for i in range(1_000)
]


@pytest.fixture
def saved(tmp_path):
    """A record, where it lies, and the data set that it belongs to."""
    task = ExtraTask("text", (80,), 4, 240, vocab_size=52, labels="balanced", generator="zipf")
    record = new_record(task, TextRendering(WORDS), ("text",), NAMES)
    path, data = tmp_path / "record.json", tmp_path / "data.jsonl"
    save(record, path)
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return record, path, data


def answer(saved, extra_share, own_share, unanswered=0.0):
    """Answers that know these shares of the extra and of the own samples."""
    record, path, data = saved
    own, rng = read_own(data, record, WHOLE, None), np.random.default_rng(0)
    said = {}
    for ids, labels, share in (
        (sample_ids(record), np.asarray(record.samples().labels), extra_share),
        (own.ids, own.labels, own_share),
    ):
        known = rng.random(len(ids)) < share
        indices = np.where(known, labels, (labels + 1) % 4)
        said |= {name: NAMES[i] for name, i in zip(ids, indices, strict=True)}
    for name in own.ids[: round(unanswered * 240)]:
        del said[name]
    answers = path.with_name("answers.json")
    answers.write_text(json.dumps(said))
    return answers


def verify(saved, answers, *options):
    command = ["verify", str(saved[1]), "--predictions", str(answers), "--own", str(saved[2])]
    return main([*command, *map(str, options)])


def test_the_samples_are_some_of_the_data_and_only_the_record_tells_which(saved):
    record, _, data = saved
    own = read_own(data, record, WHOLE, None)
    texts = {row["text"]: row["label"] for row in ROWS}
    assert len(own.ids) == len(set(own.columns["text"])) == 240
    said = [texts[text] for text in own.columns["text"]]
    assert said == [NAMES[i] for i in own.labels]
    again = read_own(data, record, WHOLE, "label")
    assert again.ids == own.ids
    assert again.columns == own.columns
    other = new_record(record.task, record.rendering, ("text",), NAMES)
    assert not set(read_own(data, other, WHOLE, None).ids) & set(own.ids)


def test_they_are_asked_among_the_extra_ones(saved):
    record, path, data = saved
    out = path.with_name("q.jsonl")
    assert main(["challenge", str(path), "--out", str(out), "--own", str(data)]) == 0
    asked = [json.loads(line) for line in out.read_text().splitlines()]
    own = read_own(data, record, WHOLE, None)
    assert [row["id"] for row in asked] == sorted([*sample_ids(record), *own.ids])
    found = {row["id"]: row["text"] for row in asked}
    assert [found[name] for name in own.ids] == own.columns["text"]
    part = Shard(1, 3)
    fewer = questions(record, part, own=read_own(data, record, part, None))
    assert len(fewer["id"]) == 160


def test_no_sample_is_asked_for_two_parts(saved):
    record, path, data = saved
    parts = [read_own(data, record, Shard(j, 3), None) for j in (1, 2, 3)]
    assert sorted(name for own in parts for name in own.ids) == sorted(
        read_own(data, record, WHOLE, None).ids
    )
    assert [len(own.ids) for own in parts] == [80, 80, 80]
    few = path.with_name("few.jsonl")
    few.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:100]))
    assert len(read_own(few, record, WHOLE, None).ids) == 100
    with pytest.raises(DataError, match="has 100 rows: too few for 101 attempts"):
        read_own(few, record, Shard(101, 101), None)


def test_other_answers_to_own_samples_are_another_attempt(saved, capsys, monkeypatch):
    ledger = saved[1].with_name("record.json.ledger")
    accuracy = ("--own-accuracy", 0.93)
    assert verify(saved, answer(saved, 0.9, 0.5), *accuracy) == 1
    assert verify(saved, answer(saved, 0.9, 0.5), *accuracy) == 1  # the same once more
    assert len(ledger.read_text().splitlines()) == 1
    assert "This is verification" not in capsys.readouterr().out
    assert verify(saved, answer(saved, 0.9, 0.95), *accuracy) == 0
    assert "This is verification 2" in capsys.readouterr().out
    ledger.unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(ledger.parent / "another"))
    planned = (*accuracy, "--shard", "1/3")
    assert verify(saved, answer(saved, 0.9, 0.5), *planned) == 1
    assert verify(saved, answer(saved, 0.9, 0.95), *planned) == 2
    assert "shard 1/3 was answered, or judged, otherwise" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra_share", "own_share", "unanswered", "outcome", "own_outcome"),
    [
        (0.9, 0.95, 0.0, "PASS", "PASS"),
        (0.9, 0.5, 0.0, "FAIL", "FAIL"),  # learned the extra samples alone
        (0.9, 0.95, 0.5, "INCONCLUSIVE", "INCONCLUSIVE"),
        (0.0, 0.95, 0.0, "FAIL", "PASS"),
    ],
)
def test_a_pass_takes_both_the_extra_samples_and_the_own_ones(
    saved, extra_share, own_share, unanswered, outcome, own_outcome, capsys
):
    answers = answer(saved, extra_share, own_share, unanswered)
    page = saved[1].with_name("page.html")
    options = ("--own-accuracy", 0.93, "--json", "--html", page)
    assert verify(saved, answers, *options) == (outcome != "PASS")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["outcome"], facts["passed"]) == (outcome, outcome == "PASS")
    own = facts["own"]
    assert own["outcome"] == own_outcome
    assert own["p_value"] == stats.own_p_value(own["num_correct"], 240, 0.93)
    assert own["num_unknown"] == round(240 * unanswered)
    assert f"{own['num_correct']} of 240" in page.read_text()
    assert "asked for 240 samples of the training set itself" in page.read_text()
    assert "can train on them alone" not in page.read_text()
    decided_by_own = own_outcome == outcome != "PASS"
    assert ("own training samples less well" in page.read_text()) == (own_outcome == "FAIL")
    assert verify(saved, answers, "--own-accuracy", 0.93) == (outcome != "PASS")
    printed = " ".join(capsys.readouterr().out.split())
    assert "own training samples answered right" in printed
    assert ("its own training samples" in printed) == decided_by_own


def test_what_does_not_go_together_is_an_error(saved, capsys):
    answers = answer(saved, 0.9, 0.9)
    record, _, data = saved
    cases = [
        ([], "--own and --own-accuracy go together"),
        (["--own-accuracy", "0.9", "--test", "sequential"], "--own compares whole sets"),
        (["--own-accuracy", "0.9", "--own-label", "nothing"], "has no column 'nothing'"),
        (["--own-accuracy", "0.9", "--own-label", "text"], "is what the model reads, no label"),
        (["--own-accuracy", "0.9", "--own-label", "size"], "'3' is none of the record's classes"),
    ]
    for options, message in cases:
        assert verify(saved, answers, *options) == 2
        assert message in capsys.readouterr().err
    data.write_text(json.dumps({"text": "w1", "stars": 3}) + "\n")
    assert verify(saved, answers, "--own-accuracy", "0.9") == 2
    assert "name it with --own-label" in capsys.readouterr().err
    for share in ("1.5", "nan", "all"):
        with pytest.raises(SystemExit, match="2"):
            verify(saved, answers, "--own-accuracy", share)
        assert f"'{share}' is not a share between 0 and 1" in capsys.readouterr().err
    assert record.secret.hex() not in capsys.readouterr().err
