"""What one field holds in all answers: labels, scores, the classes of scores, or something else."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from jaxverify.predictors.answer_forms import (
    LABELS,
    NAMES,
    SCORES,
    are_labels,
    is_many,
    is_number,
    of_value,
    spelled,
)

Object = Mapping[str, Any]
_SUM = 0.02  # by which rounded probabilities may miss 1


def is_class(label: Any, names: Sequence[str]) -> bool:
    """Whether a label may be a class, under any reading of it."""
    text = spelled(label).strip().removeprefix("__label__")
    number = text.removeprefix("LABEL_")
    if text.lower() in {name.strip().lower() for name in names}:
        return True
    if not is_number(number):
        return text.lower() in ("true", "false") and len(names) == 2
    return float(number).is_integer() and 0 <= float(number) <= len(names)


def are_classes(labels: Iterable[Any], names: Sequence[str]) -> bool:
    """Whether all labels may be classes."""
    return all(is_class(label, names) for label in labels)


def are_any(labels: Iterable[Any], names: Sequence[str]) -> bool:
    """Whether any label may be a class."""
    return any(is_class(label, names) for label in labels)


def is_ranking(values: Any, num_classes: int) -> bool:
    """Whether a list is of different whole numbers, each an index or a number of a class.

    >>> is_ranking([2, 0, 1], 3), is_ranking([0.2, 0.8], 2), is_ranking([1, 0, 0], 3)
    (True, False, False)
    """
    if not isinstance(values, list | tuple) or len(values) < 2:
        return False
    if not all(is_number(x) and float(x).is_integer() for x in values):
        return False
    numbers = {float(x) for x in values}
    return len(numbers) == len(values) and min(numbers) >= 0 and max(numbers) <= num_classes


def label_at(fields: Object, key: str) -> Any:
    """The label in a field; None where there is none."""
    value = fields.get(key)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return None if value == "" or is_many(value) or isinstance(value, list) else value


def most(objects: Sequence[Object], fits: Callable[[Object], bool]) -> bool:
    """Whether more than half of the objects fit."""
    return 2 * sum(map(fits, objects)) > len(objects)


def all_numbers(fields: Object, keys: Iterable[str]) -> bool:
    """Whether each of these fields is a number."""
    return all(is_number(fields.get(key)) for key in keys)


def score_columns(
    objects: Sequence[Object], keys: Sequence[str], names: Sequence[str]
) -> tuple[str, ...]:
    """The fields that each hold the score of one class; none, unless every class has one.

    They are called as the classes, or by their indices if they sum to 1 as probabilities do.
    """
    if not names:
        return ()
    stripped = {key.strip(): key for key in keys if isinstance(key, str)}
    columns = tuple(name if name in keys else stripped.get(name.strip(), name) for name in names)
    if len(set(columns)) == len(names) and most(objects, lambda each: all_numbers(each, columns)):
        return columns
    indices = tuple(str(i) for i in range(len(names)))
    return indices if most(objects, lambda each: _sum_to_1(each, indices)) else ()


def _sum_to_1(fields: Object, keys: Sequence[str]) -> bool:
    if not all_numbers(fields, keys):
        return False
    numbers = [float(fields[key]) for key in keys]
    return min(numbers) >= 0 and abs(sum(numbers) - 1) <= _SUM


def owner_column(
    objects: Sequence[Object], keys: Sequence[str], names: Sequence[str]
) -> str | None:
    """The field that lists whose class each score is, beside a field with as many scores.

    A field of names takes precedence over one of numbers.
    """

    def owns(key: str) -> bool:
        lists = [each[key] for each in objects if key in each]
        if key in SCORES or not all(are_labels(x) and len(x) > 1 for x in lists):
            return False
        if any(len(set(map(spelled, labels))) < len(labels) for labels in lists):
            return False
        scores = [other for other in keys if other != key and _beside(objects, key, other)]
        if all(is_number(x) for labels in lists for x in labels):
            known = all(is_ranking(labels, len(names)) for labels in lists)
            scores = [other for other in scores if _is_sorted(objects, other)]
        else:
            known = key in NAMES or all(are_classes(labels, names) for labels in lists)
        return known and bool(scores)

    owners = [key for key in keys if owns(key)]
    first = {key: next((x for each in objects for x in each.get(key, [])), 0) for key in owners}
    words = [key for key in owners if not is_number(first[key])]
    return next(iter(words or owners), None)


def _beside(objects: Sequence[Object], key: str, other: str) -> bool:
    """Whether ``other`` holds as many scores as ``key`` holds labels."""
    return most(
        objects,
        lambda each: (
            isinstance(each.get(other), list)
            and len(each[other]) == len(each.get(key, []))
            and all(isinstance(x, int | float) and not isinstance(x, bool) for x in each[other])
        ),
    )


def _is_sorted(objects: Sequence[Object], key: str) -> bool:
    """Whether scores stand the best first, as beside a list of their classes."""
    return most(objects, lambda each: each.get(key) == sorted(each.get(key) or [0], reverse=True))


def contradicts(objects: Sequence[Object], owner: str, scores: Sequence[str]) -> bool:
    """Whether classes are listed in several orders, and yet their scores are not sorted."""
    orders = {repr(each[owner]) for each in objects if owner in each}
    return len(orders) > 1 and not all(_is_sorted(objects, key) for key in scores)


def score_lists(
    objects: Sequence[Object], keys: Sequence[str], names: Sequence[str], owner: str | None
) -> tuple[list[str], list[str]]:
    """The fields that hold several scores each: those with a usual name, and others."""
    usual = [k for k in (*SCORES, *LABELS) if any(is_many(each.get(k)) for each in objects)]
    usual = [key for key in usual if key != owner]
    if not names:
        return usual, []

    def fits(key: str) -> Callable[[Object], bool]:
        def of(each: Object) -> bool:
            said = of_value(each.get(key))
            if usual and is_ranking(each.get(key), len(names)):
                return False
            if said.named is not None:
                return are_classes(said.named, names)
            if owner is not None:
                return _beside([each], owner, key) and not is_ranking(each.get(key), len(names))
            return len(said.scores or ()) == len(names)

        return of

    rest = [key for key in keys if key not in (*usual, *NAMES, owner)]
    return usual, [key for key in rest if most(objects, fits(key))]


def label_columns(
    objects: Sequence[Object], keys: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The fields that may hold the label: those with a usual name, and others that hold classes.

    If a field with a usual name holds names of classes, numbers in other fields do not count as
    classes. Otherwise they may be indices.
    """
    values = {key: [label_at(each, key) for each in objects] for key in keys if key not in SCORES}
    values = {key: [x for x in labels if x is not None] for key, labels in values.items()}
    known = [key for key, labels in values.items() if labels and key in LABELS]
    known += [key for key, labels in values.items() if len(labels) == len(objects) and key in NAMES]

    def share(key: str, fits: Any) -> float:
        return sum(map(fits, values[key])) / len(objects)

    def word(label: Any) -> bool:
        return is_word(label, names)

    sure = any(share(key, word) > 0.5 for key in known)
    others = [
        key
        for key, labels in values.items()
        if key not in known
        and (len({spelled(label) for label in labels}) > 1 or len(objects) == 1 < len(keys))
        and share(key, word if sure else lambda label: is_class(label, names)) > 0.5
    ]
    return known, others


def is_word(label: Any, names: Sequence[str]) -> bool:
    """Whether a label is the name of a class that is no number."""
    return str(label).strip() in {name.strip() for name in names if not is_number(name)}


def rivals(
    objects: Sequence[Object],
    keys: Collection[str],
    chosen: Collection[str],
    *,
    lists: bool = False,
) -> list[str]:
    """Other fields that may be the answer for all we know.

    What never changes is none of them, nor are numbers of rows and names of requests.

    Args:
        objects: the answers.
        keys: their fields.
        chosen: the fields taken for the answer.
        lists: count those alone that hold lists or objects.
    """
    others = []
    for key in keys:
        values = [each[key] for each in objects if each.get(key) is not None]
        seldom = len(objects) < 4 * len(values) <= 2 * len(objects)  # one odd answer is no field
        if key in chosen or not (seldom or len(set(map(repr, values))) > 1):
            continue
        if any(is_many(value) or isinstance(value, list) for value in values) or (
            not lists and not _are_ids(values)
        ):
            others.append(key)
    return others


def _are_ids(values: Sequence[Any]) -> bool:
    """Whether values are all different, and look like numbers of rows or like random names."""
    if len({spelled(value) for value in values}) < len(values):
        return False
    if all(map(is_number, values)):
        return all(float(value).is_integer() for value in values)
    return not any(" " in str(value).strip() for value in values)


def crosses_half(values: Sequence[Any]) -> bool:
    """Whether values are probabilities, or truth values, on both sides of a half."""
    numbers = [float(x) for x in values if is_number(x) or isinstance(x, bool)]
    if not numbers or 2 * len(numbers) <= len(values) or not 0 <= min(numbers) <= max(numbers) <= 1:
        return False
    low = sum(x < 0.4999 for x in numbers) / len(numbers)
    return 0.05 < low < 0.95
