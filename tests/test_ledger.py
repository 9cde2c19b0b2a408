"""Several attempts with one record: parts of the task, and the ledger."""

import json
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import DataError, ExtraTask, UserError
from jaxverify.challenge import ID, asked_indices, questions, sample_ids
from jaxverify.cli import main
from jaxverify.record import ledger
from jaxverify.record.record import load, new_record, save
from jaxverify.record.shard import Shard
from jaxverify.record.shard_drawing import shard_indices
from jaxverify.rendering import TextRendering

WORDS = tuple(f"w{i}" for i in range(50))
NAMES = ("no", "yes", "maybe", "never")


def make_record(tmp_path):
    """A record of 240 extra samples of four classes, and where it lies."""
    task = ExtraTask("text", (80,), 4, 240, vocab_size=52, labels="balanced", generator="zipf")
    record = new_record(task, TextRendering(WORDS), ("text",), NAMES)
    path = tmp_path / "record.json"
    save(record, path)
    return record, path


@pytest.fixture
def saved(tmp_path):
    return make_record(tmp_path)


def places(path):
    """Where the attempts with a record are."""
    return ledger.Places.of(path, load(path).commitment())


def answer(record, path, share, seed=0, indices=None):
    """A file of a model's answers that knows a share of the samples, or says always the same."""
    labels, ids = np.asarray(record.samples().labels), sample_ids(record)
    rng = np.random.default_rng(seed)
    known = rng.random(len(labels)) < share
    said = np.where(known, labels, rng.integers(0, 4, len(labels)) if share else 3)
    chosen = range(len(ids)) if indices is None else indices
    path.write_text(json.dumps({ids[i]: NAMES[said[i]] for i in chosen}))
    return path


def verify(path, answers, *options):
    return main(["verify", str(path), "--predictions", str(answers), *map(str, options)])


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array),
    of=st.integers(1, 60),
)
def test_each_sample_is_in_one_part_and_all_parts_have_the_same_labels(labels, of):
    of = min(of, len(labels))
    parts = [shard_indices(jax.random.key(5), labels, Shard(j, of)) for j in range(1, of + 1)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for label in range(4):
        often = [int((labels[part] == label).sum()) for part in parts]
        assert max(often) - min(often) <= 1


def test_which_samples_are_in_a_part_is_drawn_at_random():
    labels = np.arange(40) % 2
    seen = Counter()
    for seed in range(200):
        seen.update(shard_indices(jax.random.key(seed), labels, Shard(1, 4)).tolist())
    assert len(seen) == 40
    assert max(seen.values()) < 80  # 50 on average, with a deviation of 6


@pytest.mark.parametrize("shard", [Shard(0, 2), Shard(3, 2), Shard(1, 41)])
def test_a_part_that_there_is_not_is_an_error(shard):
    with pytest.raises(UserError, match=f"shard is {shard}"):
        shard_indices(jax.random.key(5), np.zeros(40, int), shard)


def test_the_questions_of_all_parts_are_all_questions(saved):
    record, _ = saved
    parts = [questions(record, Shard(j, 3)) for j in (1, 2, 3)]
    together = sorted(name for part in parts for name in part[ID])
    assert together == questions(record)[ID]
    for j, part in enumerate(parts, 1):
        ids = sample_ids(record)
        assert part[ID] == [ids[i] for i in asked_indices(record, Shard(j, 3))] == sorted(part[ID])


def test_each_part_is_judged_at_its_share_of_alpha(saved, tmp_path, capsys):
    record, path = saved
    answers = answer(record, tmp_path / "a.json", 0.9)
    assert verify(path, answers, "--shard", "2/3", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["num_samples"] == 80
    assert facts["alpha"] == pytest.approx(0.01 / 3)
    assert [text[:11] for text in facts["cautions"]] == ["With N = 80"]


def test_the_answers_to_a_part_alone_are_enough_for_it(saved, tmp_path, capsys):
    record, path = saved
    out = tmp_path / "q.jsonl"
    assert main(["challenge", str(path), "--out", str(out), "--shard", "1/3"]) == 0
    asked = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    ids = sample_ids(record)
    answers = answer(record, tmp_path / "a.json", 1.0, indices=[ids.index(i) for i in asked])
    assert verify(path, answers, "--shard", "1/3", "--json") == 0
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["num_correct"] == 80
    assert verify(path, answers, "--shard", "2/3") == 2
    assert "none of this record's questions" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/3/5", "-1/3", "1.5/3"])
def test_what_is_no_part_is_refused_by_the_command(text, saved, tmp_path, capsys):
    _, path = saved
    with pytest.raises(SystemExit, match="2"):
        verify(path, tmp_path / "a.json", f"--shard={text}")
    assert "is not J/K" in capsys.readouterr().err


def test_attempts_are_written_down_once_for_each_set_of_answers(saved, tmp_path):
    record, path = saved
    for _ in range(2):
        verify(path, answer(record, tmp_path / "a.json", 0.9))
    (attempt,) = ledger.read(places(path))
    assert (attempt.outcome, attempt.alpha, attempt.shard) == ("PASS", 0.01, "1/1")
    for kept in places(path).files:
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert record.secret.hex() not in kept.read_text()
    verify(path, answer(record, tmp_path / "b.json", 0.0))
    assert [each.outcome for each in ledger.read(places(path))] == ["PASS", "FAIL"]


def test_show_lists_the_attempts(saved, tmp_path, capsys):
    record, path = saved
    verify(path, answer(record, tmp_path / "a.json", 0.9))
    capsys.readouterr()
    assert main(["show", str(path)]) == 0
    assert "shard 1/1  PASS  a.json" in capsys.readouterr().out


def test_another_attempt_that_was_not_planned_is_warned_of(saved, tmp_path, capsys):
    record, path = saved
    for seed, expected in enumerate(["", "This is verification 2", "This is verification 3"]):
        answers = answer(record, tmp_path / "a.json", 0.9, seed)
        assert verify(path, answers, "--json") == 0
        cautions = json.loads(capsys.readouterr().out)["cautions"]
        assert "".join(cautions)[: len(expected)] == expected
        assert len(cautions) == bool(expected)
    assert "up to 0.03" in cautions[0]


def test_a_plan_of_several_attempts_is_kept_to(saved, tmp_path, capsys):
    record, path = saved
    first, second = (answer(record, tmp_path / f"{i}.json", 0.9, seed=i) for i in (1, 2))
    assert verify(path, first, "--shard", "1/3") == 0
    assert verify(path, first, "--shard", "1/3") == 0  # the same again
    for shard, message in (("1/3", "take the next one"), ("1/4", "K may not change")):
        assert verify(path, second, "--shard", shard) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert verify(path, second) == 2
    assert verify(path, second, "--shard", "2/3") == 0
    assert len(ledger.read(places(path))) == 2


def test_a_part_whose_classes_were_likely_misread_may_be_read_anew(saved, tmp_path, capsys):
    record, path = saved
    labels, names = record.samples().labels.tolist(), record.class_names
    shifted = [names[(label + 1) % len(names)] for label in labels]
    answers, order = tmp_path / "a.json", tmp_path / "order.json"
    answers.write_text(json.dumps(dict(zip(sample_ids(record), shifted, strict=True))))
    assert verify(path, answers, "--shard", "1/3") == 1
    assert "likely misread" in " ".join(capsys.readouterr().out.split())
    indices = [(label + 1) % len(names) for label in labels]
    answers.write_text(json.dumps(dict(zip(sample_ids(record), indices, strict=True))))
    order.write_text(json.dumps([*names[-1:], *names[:-1]]))
    anew = ("--class-order", str(order))
    assert verify(path, answers, "--shard", "1/3", *anew) == 0
    assert [each.misread for each in ledger.read(places(path))] == [True, False]
    other = answer(record, tmp_path / "b.json", 0.9)
    assert verify(path, other, "--shard", "1/3") == 2
    assert "take the next one" in " ".join(capsys.readouterr().err.split())


def test_a_ledger_of_earlier_versions_is_read(tmp_path):
    path = tmp_path / "r.json.ledger"
    attempt = ledger.Attempt("1/3", "0" * 64, 0.01, "FAIL", "m", "2026-01-01T00:00:00+00:00")
    later = ("misread", "commitment")
    path.write_text(json.dumps({k: v for k, v in asdict(attempt).items() if k not in later}) + "\n")
    assert ledger.read(ledger.Places("ab", (path,))) == [attempt]


def test_what_a_crash_left_of_a_line_is_written_over(tmp_path):
    path = tmp_path / "r.ledger"
    kept = ledger.Places("ab", (path,))
    first, second = (
        ledger.Attempt("1/1", answers, 0.01, "PASS", "m", "now", commitment="ab")
        for answers in "ab"
    )
    assert ledger.add(kept, first) == []
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    assert ledger.read(kept) == [first]
    assert ledger.add(kept, second) == [first]
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().startswith(whole)
    assert ledger.add(kept, second) == [first, second] == ledger.read(kept)


@pytest.mark.parametrize("content", [b"{}\n", b"3\n", b"x\n", b"\xff\n", b'{"shard": 1}\n'])
def test_a_damaged_ledger_is_an_error_and_no_empty_one(content, saved, tmp_path, capsys):
    record, path = saved
    ledger.ledger_path(path).write_bytes(content)
    with pytest.raises(DataError):
        ledger.read(places(path))
    assert verify(path, answer(record, tmp_path / "a.json", 0.9)) == 2
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_written_down_there_is_no_verdict_unless_it_says_so(
    saved, tmp_path, capsys, monkeypatch
):
    record, path = saved
    answers = answer(record, tmp_path / "a.json", 0.9)
    ledger.ledger_path(path).symlink_to(tmp_path / "missing" / "x")
    assert verify(path, answers) == 0  # there is the one that follows the commitment
    for kept in places(path).files[:1]:
        kept.unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(path))  # no folder
    capsys.readouterr()
    assert verify(path, answers) == 2
    said = capsys.readouterr()
    assert "nobody would know of this attempt" in " ".join(said.err.split())
    assert said.out == ""
    html, about = tmp_path / "page.html", tmp_path / "statement.json"
    options = ("--no-ledger", "--json", "--html", html, "--in-toto", about)
    assert verify(path, answers, *options) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ledger"] is None
    for text in (facts["cautions"][0], html.read_text(), about.read_text()):
        assert "No ledger was kept" in text


def test_of_two_processes_one_comes_after_the_other_and_sees_what_that_has_written(tmp_path):
    kept = ledger.Places("ab", (tmp_path / "a.ledger", tmp_path / "b.ledger"))

    def attempts(who):
        for i in range(20):
            ledger.add(kept, ledger.Attempt("1/1", f"{who} {i}", 0.01, "FAIL", "m", "now"))

    def planned(who):
        try:
            ledger.add(shards, ledger.Attempt("1/3", who, 0.01, "FAIL", "m", "now"))
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:  # locks are of open files, so threads stand for processes
        list(pool.map(attempts, "abcd"))
        assert len(ledger.read(kept)) == 80
        shards = ledger.Places("cd", (tmp_path / "c.ledger",))
        assert sum(pool.map(planned, "abcd")) == 1


def test_a_copy_and_a_link_of_the_record_have_the_same_attempts(saved, tmp_path, capsys):
    record, path = saved
    assert verify(path, answer(record, tmp_path / "a.json", 0.9), "--shard", "1/3") == 0
    copy, link = tmp_path / "elsewhere" / "copy.json", tmp_path / "elsewhere" / "link.json"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    link.symlink_to(path)
    other = answer(record, tmp_path / "b.json", 0.9, seed=1)
    for same in (copy, link):
        assert verify(same, other, "--shard", "1/3") == 2
        assert "take the next one" in " ".join(capsys.readouterr().err.split())
    assert verify(copy, tmp_path / "a.json", "--shard", "1/3") == 0  # the same again
    assert ledger.ledger_path(copy).read_text() == ledger.ledger_path(path).read_text()


def test_attempts_with_another_record_of_the_same_name_do_not_count(tmp_path):
    path = tmp_path / "r.ledger"
    ledger.add(ledger.Places("ab", (path,)), ledger.Attempt("1/1", "x", 0.01, "FAIL", "m", "now"))
    assert ledger.read(ledger.Places("cd", (path,))) == []


def test_a_sequential_test_asks_no_more_than_it_needs(saved, tmp_path, capsys):
    record, path = saved
    options = ("--test", "sequential", "--batch-size", 4, "--cache", tmp_path / "cache.jsonl")
    answers = answer(record, tmp_path / "a.json", 0.9)
    assert verify(path, answers, "--json", *options) == 0
    facts = json.loads(capsys.readouterr().out)
    asked = len((tmp_path / "cache.jsonl").read_text().splitlines()) - 1
    assert facts["num_asked"] <= asked < facts["num_asked"] + 4 < 40
    page = tmp_path / "page.html"
    assert verify(path, answers, "--html", page, *options) == 0
    assert f"{facts['num_asked']} of 240" in page.read_text()
    assert f"asked for {facts['num_asked']} of them" in " ".join(page.read_text().split())
    assert verify(path, answer(record, tmp_path / "b.json", 0.0), *options[:4]) == 1


def test_how_many_are_asked_at_once_makes_no_other_attempt(saved, tmp_path, capsys):
    record, path = saved
    answers = answer(record, tmp_path / "a.json", 0.9)
    options = ("--test", "sequential", "--shard", "1/2")
    for size in (1, 7, 32):
        assert verify(path, answers, *options, "--batch-size", size) == 0
    assert len(ledger.read(places(path))) == 1
    assert verify(path, answers, "--shard", "1/2") == 2  # judged otherwise
    assert "or judged, otherwise" in " ".join(capsys.readouterr().err.split())


def test_a_budget_ends_a_sequential_test_and_forbids_another(saved, tmp_path, capsys):
    record, path = saved
    answers = answer(record, tmp_path / "a.json", 0.9)
    assert verify(path, answers, "--budget", 2, "--test", "sequential", "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["outcome"], facts["num_asked"]) == ("INCONCLUSIVE", 2)
    assert verify(path, answers, "--budget", 2) == 2
    assert "more than the budget of 2" in capsys.readouterr().err


def test_the_cautions_of_a_part_are_those_of_its_size(saved, tmp_path, capsys):
    record, path = saved
    answers = answer(record, tmp_path / "a.json", 0.9)
    cautions = []
    for test in ("sequential", "binomial"):
        for kept in places(path).files:
            kept.unlink(missing_ok=True)
        assert verify(path, answers, "--test", test, "--shard", "1/3", "--json") == 0
        cautions.append(json.loads(capsys.readouterr().out)["cautions"])
    assert cautions[0] == cautions[1]
    assert cautions[0][0].startswith("With N = 80 ")
