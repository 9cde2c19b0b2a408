"""From all that a model said to class indices: one reading for all answers, chosen by evidence."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.said import NOTHING, Said, said

if TYPE_CHECKING:
    from jaxverify.predictors.answers import Classes

How = Literal["names", "indices", "from-1"]
HOWS: tuple[How, ...] = ("names", "indices", "from-1")
UNKNOWN = -1
_NUMBERED = re.compile(r"^LABEL_(\d+)$")  # as Hugging Face calls classes, from 0


class Unreadable(UserError):
    """The answers can be read in no way, or in more than one."""


def read(answers: Sequence[Any], classes: "Classes") -> list[int]:
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
    if classes.one_score is not None:
        indices = [_of_one_score(answer, classes) for answer in answers]
    else:
        every = [_said(answer, classes) for answer in answers]
        number = _meaning(_labels(every), classes)
        indices = [_index(each, number, classes) for each in every]
    given = [answer for answer in answers if answer is not None]
    if given and all(index == UNKNOWN for index in indices):
        hint = ""
        if len(classes.names) == 2 and classes.one_score is None:
            hint = "; if the model gives one score, say so with --one-score"
        raise Unreadable(
            f"no answer is one of the {len(classes.names)} classes: the model said "
            f"{examples(given)}{hint}"
        )
    return indices


def gist(answer: Any, classes: "Classes") -> Any:
    """What an answer comes to, whatever the labels mean: equal for two that say the same class."""
    if classes.one_score is not None:
        return _of_one_score(answer, classes)
    return _said(answer, classes).top()


def read_all(said: Mapping[str, Any], classes: "Classes") -> dict[str, int]:
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


def _said(answer: Any, classes: "Classes") -> Said:
    names = () if classes.one_score is not None else classes.names
    try:
        return said(answer, names, classes.output)
    except RecursionError:  # lists in lists without end
        return NOTHING


def _labels(every: Iterable[Said]) -> list[Any]:
    """The different labels, those of scores among them; True is none of 1 and "1"."""
    labels: dict[Any, Any] = {}
    for each in every:
        for label in (each.label, *(each.named or ())):
            if isinstance(label, bool | int | float | str | np.generic):
                labels[str(label)] = label
    return list(labels.values())


def _index(each: Said, number: Mapping[str, int], classes: "Classes") -> int:
    top = each.top()
    if top is None:
        return UNKNOWN
    kind, value = top
    if kind == "label":
        return number.get(value, UNKNOWN)
    return classes.ours(value) if len(each.scores or ()) == len(classes.names) else UNKNOWN


def _of_one_score(answer: Any, classes: "Classes") -> int:
    each = _said(answer, classes)
    values = [each.label] if each.scores is None else each.scores
    number = _number(values[0]) if len(values) == 1 else None
    if number is None or classes.one_score is None or np.isnan(number):
        return UNKNOWN
    return classes.ours(int(number > classes.one_score))


def _meaning(labels: Sequence[Any], classes: "Classes") -> dict[str, int]:
    """The class index of each label that is one, by its text."""
    hows: tuple[How, ...] = HOWS if classes.labels_are is None else (classes.labels_are,)
    readings: dict[How, dict[str, int]] = {}
    for how in hows:
        indices = {str(label): _RULES[how](label, classes) for label in labels}
        readings[how] = {text: index for text, index in indices.items() if index != UNKNOWN}
    understood = set().union(*readings.values())
    full: dict[How, dict[str, int]] = {
        how: reading for how, reading in readings.items() if set(reading) == understood
    }
    if "names" in full:
        full.pop("from-1", None)  # nobody counts from 1 whose numbers are the names as they stand
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


def _name(label: Any, classes: "Classes") -> int:
    """By the name as it stands, then without blanks around it, then as a number."""
    names, text = classes.names, str(label)
    if classes.order is not None and _number(label) is not None:
        return UNKNOWN  # who counts in an order of their own means that by numbers
    tries: list[tuple[Sequence[Any], Any]] = [
        (names, text),
        ([name.strip() for name in names], text.strip()),
        (names, text.strip().removeprefix("__label__")),  # as fastText has it
    ]
    if isinstance(label, bool):
        tries.append(([name.lower() for name in names], text.lower()))
    elif (number := _number(label)) is not None:  # 1.0 or "1" for the class called "01"
        tries.append(([_number(name) for name in names], number))
    for candidates, wanted in tries:
        if candidates.count(wanted) == 1:
            return candidates.index(wanted)
    return UNKNOWN


def _index_from(start: int) -> Callable[[Any, "Classes"], int]:
    def rule(label: Any, classes: "Classes") -> int:
        if start == 0 and isinstance(label, str) and label not in classes.names:
            label = _NUMBERED.sub(r"\1", label.strip())
        number = _number(label)
        if number is None or not number.is_integer():
            return UNKNOWN
        position = int(number) - start
        return classes.ours(position) if 0 <= position < len(classes.names) else UNKNOWN

    return rule


def _number(label: Any) -> float | None:
    if isinstance(label, bool | np.bool_):
        return None
    try:
        return float(label)
    except (TypeError, ValueError, OverflowError):
        return None


_RULES: dict[How, Callable[[Any, "Classes"], int]] = {
    "names": _name,
    "indices": _index_from(0),
    "from-1": _index_from(1),
}
_WORDS: dict[How, str] = {
    "names": "names of classes",
    "indices": "numbers from 0",
    "from-1": "numbers from 1",
}
