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


def test_two_fields_that_may_be_the_answer_are_an_error_and_one_can_be_named():
    answer = {"label": "cat", "prediction": "dog"}
    with pytest.raises(UserError, match="label and prediction, which differ: name the one"):
        read([answer], PETS)
    assert read([answer], Classes(PETS.names, output="prediction")) == [1]
    answer = {"logits": [3, 2, 1], "probabilities": [0.1, 0.2, 0.7]}
    with pytest.raises(UserError, match="probabilities and logits, which differ"):
        read([answer], PETS)
    assert read([{"a": [1, 2, 3], "b": 3}], Classes(PETS.names, output="a")) == [2]


def by_name(*scores: float) -> dict[str, float]:
    return dict(zip(PETS.names, scores, strict=True))


FORMS = {
    "by name": lambda *scores: by_name(*scores),
    "beside a time": lambda *scores: {**by_name(*scores), "ms": 3.5},
    "in a field of ours": lambda *scores: {"our_own_field": list(scores), "version": 3},
    "the best few": lambda *scores: {k: x for k, x in by_name(*scores).items() if x > 0.15},
    "in a usual field": lambda *scores: {"scores": list(scores), "version": 3},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "bad", [{"error": "timeout"}, {"cat": None, "dog": 0.9}, {"id": 7}, "oops", None, [], {}]
)
def test_an_answer_of_another_form_than_most_says_nothing_and_changes_nothing(form, bad):
    rows = [FORMS[form](*x) for x in ((0.1, 0.7, 0.2), (0.5, 0.1, 0.4), (0.1, 0.2, 0.7))]
    assert read([*rows, bad], PETS) == [1, 0, 2, -1]
    assert read([bad, *rows[::-1]], PETS) == [-1, 2, 0, 1]


def test_an_output_may_be_a_path():
    answers = [
        {"out": {"label": x, "second": y}, "v": 1} for x, y in (("cat", "dog"), PETS.names[1:])
    ]
    for path, indices in {"out.label": [0, 1], "out.second": [1, 2]}.items():
        assert read(answers, Classes(PETS.names, output=path)) == indices
    dotted = [{"out.label": "cat", "out": {"label": "dog"}}, {"out.label": "dog", "out": {}}]
    assert read(dotted, Classes(PETS.names, output="out.label")) == [0, 1]
    with pytest.raises(UserError, match="no answer has the field 'third'; there are label, second"):
        read(answers, Classes(PETS.names, output="out.third"))


DIGITS = Classes(("0", "1", "2", "3"))


def rows(*answers: dict) -> list[dict]:
    """As a CSV file has them, all as text."""
    return [{key: str(value) for key, value in answer.items()} for answer in answers]


@pytest.mark.parametrize(
    ("answers", "indices"),
    [
        # Scores by name, of which some are spelled as classes are.
        (rows({"0": 0, "1": 1, "2": 0, "3": 0}, {"0": 0.2, "1": 0, "2": 0.7, "3": 0.1}), [1, 2]),
        (rows({"0": 97, "1": 1, "2": 1, "3": 1}, {"0": 1, "1": 2, "2": 0, "3": 97}), [0, 3]),
        # One field alone, called as a class is.
        ([{"0": 3}, {"0": 1}, {"0": 0}, {"0": 2}], [3, 1, 0, 2]),
        # A column of the question beside the answer that bears a common name.
        (rows({"x0": 9, "label": 2}, {"x0": 8, "label": 0}, {"x0": 7, "label": 3}), [2, 0, 3]),
        ([{"result": {"label": "2", "took": 7}}, {"result": {"label": "0", "took": 8}}], [2, 0]),
    ],
)
def test_fields_are_chosen_once_for_all_answers(answers, indices):
    assert read(answers, DIGITS) == indices


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        (rows({"x0": 1, "y": 2.0}, {"x0": 0, "y": 3.0}), "x0 and y"),
        ([{"status": "0", "value": 2.0}, {"status": "1", "value": 3.0}], "status and value"),
        (rows({"class": 1, "survived": 0}, {"class": 1, "survived": 1}), "class and survived"),
    ],
)
def test_two_fields_that_may_be_the_answer_are_named(answers, fields):
    with pytest.raises(UserError, match=f"the fields {fields}, which differ: .* --output"):
        read(answers, DIGITS)
    name = fields.split()[-1]
    assert read(answers, Classes(DIGITS.names, "indices", output=name)) == [
        int(float(answer[name])) for answer in answers
    ]


@pytest.mark.parametrize(
    "answers",
    [
        rows({"said": "cat", "i": 48}, {"said": "cat", "i": 49}),
        [{"choices": "stop", "text": "It is a cat"}] * 3,
        [{"a": [1, 2, 3], "b": [4, 3, 2]}],
    ],
)
def test_a_field_without_a_common_name_that_never_changes_is_no_answer(answers):
    with pytest.raises(Unreadable, match="name the field that is the answer with --output"):
        read(answers, Classes(("cat", "dog", "stop", "0")))


SCORED = [{"probabilities": [0.7, 0.1, 0.1, 0.1]}, {"probabilities": [0.1, 0.1, 0.1, 0.7]}]


@pytest.mark.parametrize(
    "answers",
    [
        [{**each, "attempt": 1 + i % 2} for i, each in enumerate(SCORED * 9)],
        [{**each, "class": i % 3} for i, each in enumerate(SCORED * 9)],
        [{"x0": i % 4, "y": each["probabilities"]} for i, each in enumerate(SCORED * 9)],
        [{"pred": f"LABEL_{i % 4}", "g": str(i % 3)} for i in range(18)],
        [{"0": i, "1": 20 + i, "2": 21, "3": 22, "y": i % 4} for i in range(18)],
    ],
)
def test_a_number_beside_the_answer_that_may_be_a_class_is_no_answer_unless_named(answers):
    with pytest.raises(UserError, match="--output"):
        read(answers, DIGITS)
    with pytest.raises(UserError, match="no answer has the field 'other'; there are"):
        read(answers, Classes(DIGITS.names, output="other"))


WORDS, BITS = Classes(("ham", "spam")), Classes(("0", "1"))
HALVES = ([0.9, 0.1], [0.1, 0.9])


@pytest.mark.parametrize(
    ("classes", "answers"),
    [
        # An answer that is not read, beside something that may be a class.
        (WORDS, [{"cached": x > 0, "result": {"label": WORDS.names[x]}} for x in (0, 1)]),
        (WORDS, [{"attempt": x, "all": [{"label": "ham"}, {"at": x}]} for x in (0, 1)]),
        (WORDS, [{"score": 0.9, "cached": False}, {"score": 0.1, "cached": True}]),
        (BITS, [{"p0": 0.9, "p1": 0.1, "sex": 1}, {"p0": 0.2, "p1": 0.8, "sex": 0}]),
        (WORDS, [{"ham": 0.9, "attempt": 1}, {"spam": 0.8, "attempt": 0}]),
        (PETS, [{"text": "It is bird", "retries": 1}, {"text": "It is cat", "retries": 2}]),
        (WORDS, [{"text": "It is ham", "cut": False}, {"text": "It is spam", "cut": True}]),
        (PETS, [{"box": [0, 0.5, i], "it": {"label": x}} for i, x in enumerate(PETS.names)]),
        # A label that is always the same, beside scores that are not.
        (WORDS, [{"label": 0, "probabilities": p} for p in HALVES]),
        (WORDS, [{"label": "ham", "ham": p, "spam": q} for p, q in HALVES]),
        (WORDS, [{"classes": 2, "probabilities": p} for p in HALVES]),
        (WORDS, [{"label": "spam", "score": x} for x in (0.02, 0.98)]),
        (WORDS, [[{"displayName": "spam", "confidence": x}] for x in (0.02, 0.98)]),
    ],
)
def test_what_may_be_the_answer_or_something_beside_it_is_an_error(classes, answers):
    with pytest.raises(UserError, match="--output"):
        read(answers, classes)


SORTED = [0.7, 0.2, 0.1]


@pytest.mark.parametrize(
    ("answers", "indices"),
    [
        (
            [
                {
                    "ids": ["3", "1", "2"],
                    "displayNames": ["dog", "bird"],
                    "confidences": [0.7, 0.2],
                },
                {"ids": ["2", "3", "1"], "displayNames": ["cat", "dog"], "confidences": [0.7, 0.2]},
            ],
            [1, 0],
        ),
        (
            [
                {"ids": ["3", "1", "2"], "displayNames": ["dog", "bird", "cat"]},
                {"ids": ["2", "3", "1"], "displayNames": ["cat", "dog", "bird"]},
            ],
            [1, 0],
        ),
        ([{"class_ids": [2, 1, 0]}], [2]),
        ([{"indices": [2, 1, 0]}, {"indices": [0, 2, 1]}], [2, 0]),
        ([{"class_ids": [0, 1, 2], "labels": ["bird", "dog", "cat"]}], [2]),
        ([{"label": ["__label__dog", "__label__cat", "__label__bird"]}], [1]),
    ],
)
def test_scores_belong_to_the_classes_listed_beside_them(answers, indices):
    scored = [{"confidences": SORTED, **each} for each in answers]
    assert read(scored, PETS) == indices


@pytest.mark.parametrize(
    ("answers", "indices"),
    [
        ([{"label": -1, "cat": p, "dog": q, "bird": 0} for p, q in HALVES], [0, 1]),
        ([{"logits": [0.0, 1.3, -0.2]}, {"logits": [0.0, -1.3, 0.2]}], [1, 2]),
        ([{"probabilities": {**ONE, "entropy": 0.9}, "model": "m"}], [2]),
        ([[{"Name": "dog", "Score": 0.9}, {"Name": "cat", "Score": 0.1}]], [1]),
        ([[["dog", 0.9], ["cat", 0.1]]], [1]),
        (["__label__0", "__label__2"], [0, 2]),
        ([{"y": [{"label": x, "prob": 0.9}], "z": 0.5} for x in ("cat", "dog")], [0, 1]),
    ],
)
def test_forms_of_services(answers, indices):
    assert read(answers, PETS) == indices


def test_scores_by_name_beside_a_number_are_named_by_one_of_them():
    answers = [{**ONE, "attempt": 1}, {**ONE, "dog": 0.8, "attempt": 2}]
    with pytest.raises(UserError, match="the fields attempt and dog, which differ"):
        read(answers, PETS)
    assert read(answers, Classes(PETS.names, output="dog")) == [2, 1]
    assert read(answers, Classes(PETS.names, "from-1", output="attempt")) == [0, 1]


@pytest.mark.parametrize(
    ("answers", "indices"),
    [
        # What is listed beside scores in the order of the classes is not their classes.
        (
            [
                {"scores": [0.04, 0.8, 0.16], "ranks": [3, 1, 2], "ranking": [1, 2, 0]},
                {"scores": [0.7, 0.2, 0.1], "ranks": [1, 2, 3], "ranking": [0, 1, 2]},
            ],
            [1, 0],
        ),
        # Scores and objects as text, as CSV files have them.
        ([{"label": x, "probabilities": "[0.9, 0.1, 0.0]"} for x in ("cat", "cat")], [0, 0]),
        (
            [
                {"label": "cat", "probabilities": "[0.9, 0.1, 0.0]"},
                {"label": "dog", "probabilities": "[0.2, 0.8, 0.0]"},
            ],
            [0, 1],
        ),
        ([{"y": "cat", "p": [0.9, 0.1, 0]}, {"y": "dog", "p": [0.1, 0.9, 0]}], [0, 1]),
        ([{"category": "cat", "text": "a b 7"}, {"category": "dog", "text": "b 9 c"}], [0, 1]),
    ],
)
def test_fields_beside_the_answer_do_not_change_it(answers, indices):
    assert read(answers, PETS) == indices


@pytest.mark.parametrize(
    ("classes", "answers"),
    [
        (PETS, [{"features": [0.1, 0.2, x], "score": x} for x in (0.3, 0.9)]),
        (PETS, [{"features": [0.1, 0.2, x / 20], "prediction": x} for x in (11, 12)]),
        (DIGITS, [{"0": x, "1": 5, "2": 2, "3": 1, "said": f"It is {x}"} for x in (7, 0)]),
        (DIGITS, [{"0": x, "1": 5, "2": 2, "3": 1, "prediction": f"T{x}"} for x in (7, 0)]),
        (WORDS, [{"ham": x, "spam": 3, "final": y} for x, y in ((1, "ham"), (7, "spam"))]),
        (PETS, [{"labels": x, "scores": [0.1, 0.7, 0.2]} for x in (PETS.names, PETS.names[::-1])]),
        (WORDS, [{"label": "spam", "prob": x} for x in (0.1, 0.9)]),
        (WORDS, [{"labels": ["spam"], "scores": [x]} for x in (0.1, 0.9)]),
        (WORDS, [{"class": "spam", "detected": x} for x in (True, False)]),
        (WORDS, [{"label": "ham" if x == 5 else "spam", "score": x / 300} for x in range(300)]),
    ],
)
def test_what_contradicts_the_answer_or_may_be_it_is_an_error(classes, answers):
    answers = json.loads(json.dumps(answers))
    with pytest.raises(UserError, match="--output"):
        read(answers, classes)


def test_an_order_of_the_classes_is_not_taken_for_scores():
    with pytest.raises(Unreadable, match="an order of the classes, or scores"):
        read([[2, 1, 0], [0, 2, 1], [1, 0, 2]], PETS)


def test_a_blank_behind_a_name_that_is_json_makes_it_no_scores():
    assert read(["[0, 5] ", "[6, 9]\n"], Classes(("[0, 5]", "[6, 9]"))) == [0, 1]


def test_answers_in_fields_of_several_names_are_all_read():
    answers = [{"label": "cat", "n": 1.5}, {"prediction": "dog", "n": 2.5}, {}, {"n": 7.5}]
    assert read(answers, PETS) == [0, 1, -1, -1]
    assert read([{"0": 3}, {}, {"0": 1}, {"0": 0}], DIGITS) == [3, -1, 1, 0]


def test_an_output_is_found_in_objects_of_one_field():
    answers = [
        {"result": {"label": "x", "class": "cat"}},
        {"result": {"label": "y", "class": "dog"}},
    ]
    with pytest.raises(UserError, match="label and class"):
        read(answers, PETS)
    assert read(answers, Classes(PETS.names, output="class")) == [0, 1]


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
