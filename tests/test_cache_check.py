"""Answers that were kept: those of a replaced model are void, and a fickle model's are not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_http import Model, Server, saved, verify

from jaxverify import DataError, UserError
from jaxverify.challenge import ID
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.asking import Answered, ask_all
from jaxverify.predictors.cache_check import AGAIN, check_kept

PETS = Classes(("cat", "dog", "bird"))
IDS = [f"q{i}" for i in range(60)]
COLUMNS = {ID: IDS, "text": [f"text {i}" for i in range(60)]}


def kept(path: Path, answers: Sequence[Any]) -> Answered:
    Answered(path, "model").add(IDS[: len(answers)], answers)
    return Answered(path, "model")


def check(answered: Answered, ask: Any, **options: Any) -> Any:
    rng = np.random.default_rng(0)
    return check_kept(ask, COLUMNS, answered, PETS, rng=rng, **options)


def always(ids: Sequence[str], columns: Mapping[str, list[Any]]) -> list[str]:
    assert [f"text {name[1:]}" for name in ids] == columns["text"]
    return [PETS.names[int(name[1:]) % 3] for name in ids]


def test_nothing_is_added_and_the_same_model_is_itself(tmp_path):
    answered = kept(tmp_path / "a", always(IDS[:40], {"text": COLUMNS["text"][:40]}))
    before = (tmp_path / "a").read_text()
    found = check(answered, always)
    assert (found.number, found.asked_again, found.differ) == (40, AGAIN, 0)
    assert found.first <= found.last
    assert (tmp_path / "a").read_text() == before
    assert check(kept(tmp_path / "b", []), always) is None
    assert check(answered, always, most=0).asked_again == 0


def test_one_other_answer_of_a_model_that_always_answers_alike_is_enough(tmp_path):
    answers = always(IDS, COLUMNS)
    for place in range(60):
        changed = [*answers[:place], "bird" if answers[place] == "cat" else "cat"]
        answered = kept(tmp_path / str(place), [*changed, *answers[place + 1 :]])
        chosen = []

        def ask(ids, columns, chosen=chosen):
            chosen.append(ids)
            return always(ids, columns)

        if place in sorted(np.random.default_rng(0).choice(60, AGAIN, replace=False)):
            with pytest.raises(UserError, match="of 20 questions asked again 1 were answered"):
                check(answered, ask)
            assert len(chosen) == 2
        else:
            assert check(answered, ask).differ == 0


def test_a_model_that_draws_its_answers_is_taken_for_another_at_most_5_percent_of_the_time(
    tmp_path,
):
    rng, void = np.random.default_rng(1), 0

    def fickle(ids, columns=None):
        return [PETS.names[0 if rng.random() < 0.7 else 1] for _ in ids]

    for trial in range(400):
        answered = kept(tmp_path / str(trial), fickle(IDS))
        try:
            check_kept(fickle, COLUMNS, answered, PETS, rng=rng)
        except UserError:
            void += 1
    assert void <= 32  # of 400 at 5% so many or fewer in 99.7%


def test_scores_that_differ_in_the_last_digit_mean_the_same(tmp_path):
    answered = kept(tmp_path / "a", [[0.1, 0.2, 0.7]] * 60)
    assert check(answered, lambda ids, _: [[0.1, 0.2, 0.7000001]] * len(ids)).differ == 0
    one = Classes(("no", "yes"), one_score=0.5)
    answered = kept(tmp_path / "b", [0.83] * 60)
    rng = np.random.default_rng(0)
    again = check_kept(lambda ids, _: [0.84] * len(ids), COLUMNS, answered, one, rng=rng)
    assert again is not None
    assert again.differ == 0


@pytest.mark.parametrize(("share", "then"), [(1.0, 0.0), (0.0, 1.0)])
def test_a_model_that_was_replaced_behind_the_same_url_gets_no_verdict(
    share, then, tmp_path, capsys
):
    record, path = saved(tmp_path)
    cache = tmp_path / "answers.jsonl"
    with Server(Model(record, share)) as server:
        assert verify(path, server, "--cache", cache) == (0 if share else 1)
        capsys.readouterr()
        server.model = Model(record, then)
        assert verify(path, server, "--cache", cache, "--json") == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "holds answers that the model no longer gives" in captured.err
        cache.unlink()
        assert verify(path, server, "--cache", cache, "--json") == (0 if then else 1)
        assert json.loads(capsys.readouterr().out)["kept"] is None


def test_answers_of_an_earlier_version_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"about": "model"}\n{"id": "q0", "index": 2}\n')
    with pytest.raises(UserError, match="holds answers of an earlier version"):
        Answered(path, "model")


@pytest.mark.parametrize("content", ["", "x\n", "[]\n", '{"about": 1}\n{"id": "a"}\n', "\xff"])
def test_a_file_that_holds_no_answers_is_refused(content, tmp_path):
    path = tmp_path / "cache.jsonl"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"holds (no answers|the answers of another)"):
        Answered(path, "model")


def test_batches_are_of_the_size_asked_for():
    sizes = []

    def answer(ids, columns):
        assert len(ids) == len(columns["x"])
        sizes.append(len(columns["x"]))
        return [0] * sizes[-1]

    ids = [str(i) for i in range(10)]
    found = ask_all(answer, {"id": ids, "x": list(range(10))}, Answered(None, ""), batch_size=4)
    assert sizes == [4, 4, 2]
    assert list(found) == ids
    with pytest.raises(UserError, match="batch_size is 0"):
        ask_all(answer, {"id": [], "x": []}, Answered(None, ""), batch_size=0)


def test_answers_that_are_right_far_less_often_are_another_models_however_they_differ(tmp_path):
    labels = dict(zip(IDS, (int(name[1:]) % 3 for name in IDS), strict=True))
    answered = kept(tmp_path / "a", always(IDS, COLUMNS))

    def confused(later):
        """Answers nonsense at first, and then as ``later``."""
        turns = iter(range(9))
        return lambda ids, columns: [{} for _ in ids] if next(turns) == 0 else later(ids, columns)

    def wrong(ids, columns):
        return [PETS.names[(int(name[1:]) + 1) % 3] for name in ids]

    with pytest.raises(UserError, match="answers that the model no longer gives"):
        check(answered, confused(wrong), labels=labels)
    assert check(answered, confused(always), labels=labels).differ == AGAIN
