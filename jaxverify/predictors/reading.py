"""From all that a model said to class indices: one reading for all answers, chosen by evidence."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.answer_forms import Said
from jaxverify.predictors.answers import UNKNOWN, Classes, How
from jaxverify.predictors.columns import is_ranking
from jaxverify.predictors.fields import all_said

HOWS: tuple[How, ...] = ("names", "indices", "from-1")
_TRUTH = {"false": 0, "true": 1}
_NUMBERED = re.compile(r"^LABEL_(\d+)$")  # as Hugging Face calls classes, from 0


class Unreadable(UserError):
    """The answers can be read in no way, or in more than one."""


def read(answers: Sequence[Any], classes: Classes) -> list[int]:
    """The class index of each answer; ``UNKNOWN`` where it is none.

    Labels are names of classes, indices from 0, or numbers from 1: whichever of these explains all
    labels that any of them explains. What none explains, such as a sentence, is ``UNKNOWN``.

    Args:
        answers: values as JSON has them, None where there is none.
        classes: of the labels, and what is known of how the model names them.

    Raises:
        Unreadable: if labels are explained by two readings that differ, or by none of them all, or
            if there are answers and none of them is understood; it names the option that decides.
        UserError: if an answer has two fields that may be it and differ.

    Guarantee: all answers are read in one way; it does not depend on their order.
    """
    every = _all_said(answers, classes)
    if classes.one_score is not None:
        indices = [_of_one_score(each, classes) for each in every]
    else:
        _check_pairs(every, classes)
        number = _meaning(_labels(every), classes)
        indices = [_index(each, number, classes) for each in every]
    given = [answer for answer in answers if answer is not None]
    if answers and not given:
        raise Unreadable("the model gave no answer to any question")
    if given and all(index == UNKNOWN for index in indices):
        raise Unreadable(
            f"no answer is one of the {len(classes.names)} classes: the model said "
            f"{examples(given)}{_hint(given, classes)}"
        )
    return indices


def gists(answers: Sequence[Any], classes: Classes) -> list[Any]:
    """What each answer comes to, whatever labels mean: equal for two that say the same class."""
    every = _all_said(answers, classes)
    if classes.one_score is not None:
        return [_of_one_score(each, classes) for each in every]
    return [each.top() for each in every]


def read_all(said: Mapping[str, Any], classes: Classes) -> dict[str, int]:
    """The class index of each answer by its id; see :func:`read`."""
    return dict(zip(said, read(list(said.values()), classes), strict=True))


def examples(answers: Iterable[Any], most: int = 3) -> str:
    """Some different answers, as a message shows them.

    >>> examples(["maybe", "maybe", {"x": 1}])
    "'maybe', {'x': 1}"
    """
    shown = dict.fromkeys(ascii(answer) for answer in answers)
    cut = [text if len(text) <= 60 else f"{text[:57]}..." for text in list(shown)[:most]]
    return ", ".join([*cut, *(["..."] if len(shown) > most else [])])


def _all_said(answers: Sequence[Any], classes: Classes) -> list[Said]:
    names = () if classes.one_score is not None else classes.names
    return all_said(answers, names, classes.output)


def _labels(every: Iterable[Said]) -> list[str]:
    """The different labels, those of scores among them."""
    return list(dict.fromkeys(x for each in every for x in (each.label, *(each.named or ())) if x))


def _check_pairs(every: Sequence[Said], classes: Classes) -> None:
    """Raise Unreadable if each list looks like a label and its score, or an order of classes."""
    rows = [each.scores for each in every if each.scores]
    if len({len(row) for row in rows}) != 1 or len(rows) < 2:
        return
    count = len(classes.names)
    if all(is_ranking(row, count) for row in rows) and len(set(rows)) > 1:
        raise Unreadable(
            "the answers are lists of different whole numbers: an order of the classes, or scores? "
            "Give the label alone, the first of them"
        )
    if len(rows[0]) != 2:
        return
    columns = list(zip(*rows, strict=True))
    whole = [all(x == np.round(x) and 0 <= x <= len(classes.names) for x in c) for c in columns]
    sums = [sum(row) for row in rows]
    if any(whole) and not all(whole) and max(sums) - min(sums) > 1e-3:
        raise Unreadable(
            "the answers are lists in which one number is always whole: a label with its score, or "
            "scores? Give the labels alone, or an object with both"
        )


def _hint(given: Sequence[Any], classes: Classes) -> str:
    fields = {key for answer in given if isinstance(answer, Mapping) for key in answer}
    if len(fields) > 1 and classes.output is None and fields != set(classes.names):
        shown = ", ".join(sorted(map(str, fields))[:8])
        return f"; name the field that is the answer with --output: {shown}"
    numbers = any(_number(str(answer)) is not None for answer in given)
    if len(classes.names) == 2 and classes.one_score is None and numbers:
        return "; if the model gives one score, say so with --one-score"
    return ""


def _index(each: Said, number: Mapping[str, int], classes: Classes) -> int:
    top = each.top()
    if top is None:
        return UNKNOWN
    kind, value = top
    if kind == "label":
        if each.named is not None:  # beside the scores of all classes, other numbers are none
            ours = {text: score for text, score in each.named.items() if text in number}
            if len({number[text] for text in ours}) == len(classes.names):
                value = max(ours, key=ours.__getitem__)
        return number.get(value, UNKNOWN)
    return classes.ours(value) if len(each.scores or ()) == len(classes.names) else UNKNOWN


def _of_one_score(each: Said, classes: Classes) -> int:
    label = each.label
    number = None if label is None else _number(str(_TRUTH.get(label.lower(), label)))
    if number is None or classes.one_score is None:
        return UNKNOWN
    return classes.ours(int(number > classes.one_score))


def _meaning(labels: Sequence[str], classes: Classes) -> dict[str, int]:
    """The class index of each label that is one, by its text."""
    hows: tuple[How, ...] = HOWS if classes.labels_are is None else (classes.labels_are,)
    readings: dict[How, dict[str, int]] = {}
    for how in hows:
        indices = {label: _RULES[how](label, classes) for label in labels}
        readings[how] = {text: index for text, index in indices.items() if index != UNKNOWN}
    understood = set().union(*readings.values())
    numbers = [label for label in labels if _number(label) is not None]
    odd = [label for label in numbers if label not in understood]
    if odd and len(odd) < len(numbers) and classes.labels_are is None:
        hint = " If the model gives one score, say so with --one-score."
        raise Unreadable(
            f"some of the numbers that the model answers are classes, and {examples(odd)} are not: "
            "say --answers names, indices or from-1 to count these as wrong."
            f"{hint if len(classes.names) == 2 else ''}"
        )
    full: dict[How, dict[str, int]] = {
        how: reading for how, reading in readings.items() if set(reading) == understood
    }
    if "names" in full:
        full.pop("from-1", None)  # numbers that are names as they stand do not count from 1
    if not full:
        parts = "; ".join(
            f"{', '.join(sorted(reading, key=_by_number)[:5])} as {_WORDS[how]}"
            for how, reading in readings.items()
            if reading
        )
        raise Unreadable(
            f"no reading explains all answers ({parts}): say --answers names, indices or from-1"
        )
    first, *others = full
    for how in others:
        if readings[how] != readings[first]:
            raise Unreadable(
                f"the answers {', '.join(sorted(understood, key=_by_number)[:5])} may be "
                f"{_WORDS[first]} or {_WORDS[how]}, which differ: say --answers {first} or "
                f"--answers {how}"
            )
    return readings[first]


def _by_number(text: str) -> tuple[float, str]:
    number = _number(text)
    return (np.inf if number is None or np.isnan(number) else number, text)


def _name(label: str, classes: Classes) -> int:
    """By the name as it stands, then without blanks around it, then as a number."""
    names, number = classes.names, _number(label)
    if classes.order is not None and number is not None:
        return UNKNOWN  # who counts in an order of their own means that by numbers
    tries: list[tuple[Sequence[Any], Any]] = [
        (names, label),
        ([name.strip() for name in names], label.strip()),
        # As fastText has it.
        ([name.strip() for name in names], label.strip().removeprefix("__label__").strip()),
    ]
    if label.lower() in _TRUTH:
        tries.append(([name.lower() for name in names], label.lower()))
    if number is not None:  # 1.0 or "1" for the class called "01"
        tries.append(([_number(name) for name in names], number))
    for candidates, wanted in tries:
        if candidates.count(wanted) == 1:
            return candidates.index(wanted)
    return UNKNOWN


def _index_from(start: int) -> Callable[[str, Classes], int]:
    def rule(label: str, classes: Classes) -> int:
        if start == 0 and label.lower() not in [name.lower() for name in classes.names]:
            label = _NUMBERED.sub(r"\1", label.strip().removeprefix("__label__"))
            label = str(_TRUTH.get(label.lower(), label))
        number = _number(label)
        if number is None or not number.is_integer():
            return UNKNOWN
        position = int(number) - start
        return classes.ours(position) if 0 <= position < len(classes.names) else UNKNOWN

    return rule


def _number(label: str | float) -> float | None:
    try:
        number = float(label)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if np.isnan(number) else number


_RULES: dict[How, Callable[[str, Classes], int]] = {
    "names": _name,
    "indices": _index_from(0),
    "from-1": _index_from(1),
}
_WORDS: dict[How, str] = {
    "names": "names of classes",
    "indices": "numbers from 0",
    "from-1": "numbers from 1",
}
