"""Which field of an object is the answer: chosen once, by evidence, or not at all."""

import json

import pytest
from test_reading import ONE, PETS

from jaxverify import UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.reading import Unreadable, read


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
