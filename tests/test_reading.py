"""Answers are read in one way, chosen by evidence; or not at all, with the option that decides."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxverify import UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.fields import all_said
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.reading import HOWS, Unreadable, read, read_all

PETS = Classes(("cat", "dog", "bird"))
FOUR = Classes(("1", "2", "3", "4"))


@pytest.mark.parametrize(
    ("names", "answers", "indices"),
    [
        (("1", "2", "3", "4"), [0, 1, 2, 3, 0], [0, 1, 2, 3, 0]),
        (("1", "2", "3", "4"), [1, 2, 3, 4, 1], [0, 1, 2, 3, 0]),
        (("1", "2", "3", "4"), ["4", "1", "2", "3"], [3, 0, 1, 2]),
        (("1.0", "2.0", "3.0", "4.0"), [1, 2, 3, 4], [0, 1, 2, 3]),
        (("1.0", "2.0", "3.0", "4.0"), ["4", "1", "2", "3"], [3, 0, 1, 2]),
        (("0", "1", "2"), [2, 1], [2, 1]),  # both ways the same
        (("cat", "dog", "bird"), [1, 2, 3], [0, 1, 2]),
        (("cat", "dog", "bird"), [0.0, 1.0, 2.0], [0, 1, 2]),
        (("cat", "dog", "bird"), ["LABEL_0", "LABEL_2"], [0, 2]),
        (("cat", "dog", "bird"), ["__label__dog", "__label__cat"], [1, 0]),
        (("cat", "dog", "bird"), [" cat", "dog ", "bird"], [0, 1, 2]),
        ((" cat", "dog", "bird "), ["cat", "dog", " bird"], [0, 1, 2]),
        ((" cat", "cat"), [" cat", "cat"], [0, 1]),
        (("01", "02", "10", "11"), ["01", "02", "10", "11"], [0, 1, 2, 3]),
        (("01", "02", "10", "11"), [1, 2, 10, 11], [0, 1, 2, 3]),
        (("False", "True"), [True, False], [1, 0]),
        (("false", "true"), [True, False], [1, 0]),
        (("class 1", "class 2"), ["class 1", "class 1"], [0, 0]),
        (("cat", "dog", "bird"), ["cat", "no idea", None, "dog", ""], [0, -1, -1, 1, -1]),
        (("no", "yes"), [True, False], [1, 0]),
        (("no", "yes"), ["true", "False"], [1, 0]),
        (("True", "False"), ["true", "false"], [0, 1]),
    ],
)
def test_labels_are_names_or_indices_or_count_from_1_whichever_explains_all(
    names, answers, indices
):
    assert read(answers, Classes(names)) == indices


@pytest.mark.parametrize(
    ("names", "answers", "message"),
    [
        (("1", "2", "3", "4"), [1, 2, 3], "say --answers names or --answers indices"),
        (("1", "2"), ["1"], "say --answers names or --answers indices"),
        (("cat", "dog", "bird"), [1, 2], "say --answers indices or --answers from-1"),
        (("cat", "dog", "bird"), [0, 1, 2, 3], "say --answers names, indices or from-1"),
        (("cat", "dog", "bird"), ["cat", 1], "say --answers names, indices or from-1"),
        (("1", "2", "3", "4"), [0, 1, 4], "say --answers names, indices or from-1"),
        (("d0", "d1", "7"), ["7", 1], "say --answers names, indices or from-1"),
        (("cat", "dog", "bird"), [None, None], "the model gave no answer to any question"),
        (("cat", "dog", "bird"), ["Katze", "Hund"], "the model said 'Katze', 'Hund'"),
        (("cat", "dog"), [0.83, 0.2], "say so with --one-score"),
        (("cat", "dog"), [0.83, 0.0, 1.0], "say so with --one-score"),
        (("cat", "dog"), [-1, 1], "say so with --one-score"),
        (
            ("cat", "dog", "bird"),
            [0, 2, 7, -1, 0.5, np.inf, 10**400],
            "are classes, and '7', '-1', '0.5'",
        ),
        (("1", "2"), [[2, 0.9], [1, 0.7]], "a label with its score, or scores"),
        (("cat", "dog", "bird"), [[0.1, 0.9]], r"the model said \[0.1, 0.9\]"),
    ],
)
def test_what_is_in_doubt_or_not_understood_is_an_error_that_says_what_decides(
    names, answers, message
):
    with pytest.raises(Unreadable, match=message):
        read(answers, Classes(names))


@pytest.mark.parametrize(
    ("how", "indices"), [("names", [0, 1]), ("indices", [1, 2]), ("from-1", [0, 1])]
)
def test_what_labels_are_can_be_said(how, indices):
    assert read([1, 2], Classes(("1", "2", "3"), labels_are=how)) == indices


def test_who_counts_in_an_order_of_their_own_means_that_by_numbers():
    assert read([0, 1, 2], Classes(("0", "1", "2"), order=(2, 0, 1))) == [2, 0, 1]
    assert read([[0.1, 0.7, 0.2], [1, 0, 0]], Classes(PETS.names, order=(2, 0, 1))) == [0, 2]
    assert read(["bird", "cat"], Classes(PETS.names, order=(2, 0, 1))) == [2, 0]


ONE = {"cat": 0.1, "dog": 0.2, "bird": 0.7}
FORMS = [
    "bird",
    ["bird"],
    [["bird"]],
    {"label": "bird", "score": 0.7},
    {"label": "bird", "score": 0.7, "latency": 3},
    [{"label": "bird", "score": 0.7}],
    {"prediction": "bird", "id": 17},
    {"displayName": "bird"},
    {"names": "bird", "confidence": [0.5, 0.3, 0.2]},
    {"label": "bird", "scores": [0.9, 0.05, 0.05]},
    {"labels": ["bird"], "scores": [0.7]},
    {"labels": ["LABEL_2"], "scores": [0.7]},
    {"class": "bird", "probabilities": [0.9, 0.05, 0.05], "logits": [3, 2, 1]},
    [0.1, 0.2, 0.7],
    ["0.1", "0.2", "0.7"],
    [[0.1, 0.2, 0.7]],
    "[0.1, 0.2, 0.7]",
    {"scores": [0.1, 0.2, 0.7]},
    {"output_0": [0.1, 0.2, 0.7]},
    {"probabilities": ONE},
    {"probabilities": [0.1, 0.2, 0.7], "logits": [-1.0, 0.0, 3.0]},
    ONE,
    {**ONE, "request": "a"},
    json.dumps(ONE),
    {"classes": ["bird", "cat", "dog"], "scores": [0.7, 0.1, 0.2]},
    {"displayNames": ["bird", "dog"], "confidences": [0.7, 0.2], "ids": ["3", "2"]},
    {"labels": ["bird", "dog", "cat"], "scores": [0.7, 0.2, 0.1], "sequence": "text"},
    [{"label": "cat", "score": 0.1}, {"label": "bird", "score": 0.7}],
    {"LABEL_0": 0.1, "LABEL_1": 0.2, "LABEL_2": 0.7},
    {"0": 0.1, "1": 0.2, "2": 0.7},
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: json.dumps(form)[:50])
def test_the_same_answer_is_understood_by_file_and_by_url(form, tmp_path):
    assert read([form], PETS) == [2]  # as an endpoint gives it
    by_id = tmp_path / "by_id.json"
    by_id.write_text(json.dumps({"a": form}))
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"id": "a", "answer": form}))
    paths = [by_id, rows]
    if isinstance(form, dict) and "id" not in form:
        paths.append(tmp_path / "flat.jsonl")
        paths[-1].write_text(json.dumps({"id": "a", **form}))
    for path in paths:
        assert read_all(read_answers(path), PETS) == {"a": 2}


def test_scores_that_do_not_say_what_is_right_are_unknown():
    answers = [[0.1, 0.2, float("nan")], [0.1, None, 0.2], [0.1, 0.9], [], {}, ONE, {"cat": "NaN"}]
    assert read(answers, PETS) == [-1, -1, -1, -1, -1, 2, -1]


def test_the_same_number_in_another_spelling_is_the_same_answer():
    answers = [{"label": 1, "prediction": 1.0}, {"label": 0, "prediction": "0"}]
    assert read(answers, Classes(("cat", "dog"))) == [1, 0]


NAMES = st.lists(
    st.sampled_from(["cat", "dog", "0", "1", "2", "3", "01", "1.0", " 2", "yes"]),
    min_size=2,
    max_size=4,
    unique=True,
).map(tuple)
LABEL = st.one_of(st.integers(-1, 5), st.sampled_from(["cat", "1", " 2", "LABEL_1", 1.0, 0.5]))


@given(names=NAMES, answers=st.lists(LABEL, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_all_answers_are_read_in_one_way_and_it_does_not_depend_on_their_order(
    names, answers, seed
):
    def outcome(answers: Sequence[object]) -> list[int] | None:
        try:
            return read(answers, Classes(names))
        except Unreadable:
            return None

    indices = outcome(answers)
    order = np.random.default_rng(seed).permutation(len(answers)).tolist()
    again = outcome([answers[i] for i in order])
    assert again == (None if indices is None else [indices[i] for i in order])
    if indices is not None:
        ways = []
        for how in HOWS:
            try:
                ways.append(read(answers, Classes(names, labels_are=how)))
            except Unreadable:
                continue
        assert indices in ways


LEAVES = st.none() | st.booleans() | st.floats() | st.text()
FIELDS = st.sampled_from(["label", "scores", "classes", "x", "cat"])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner)))
def test_no_value_leads_to_a_traceback(value):
    try:
        read([value, "cat"], PETS)
        all_said([value], PETS.names)
    except UserError:
        pass


def test_nor_do_lists_in_lists_without_end():
    value: object = "cat"
    for _ in range(5_000):
        value = [value]
    assert read([value, "dog"], PETS) == [-1, 1]


def test_a_text_with_line_breaks_beside_the_answer_is_read_past(tmp_path):
    path = tmp_path / "a.csv"
    text = "a line\n" * 40_000
    path.write_text(f'id,text,label\na,"{text}",dog\nb,"{text}",cat\n')
    assert read_all(read_answers(path), PETS) == {"a": 1, "b": 0}
