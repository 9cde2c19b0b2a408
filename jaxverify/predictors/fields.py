"""Which field of an object is the answer: found once, from all answers.

A field of a common name is the answer, or one that holds classes in most answers. Where two fields
may hold it and differ, the error names both; nothing is guessed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxverify.errors import UserError
from jaxverify.predictors.said import (
    LABELS,
    MOST,
    NAMES,
    NOTHING,
    SCORES,
    Said,
    are_labels,
    is_many,
    is_number,
    of_value,
    opened,
    spelled,
)

Object = Mapping[str, Any]


def all_said(
    answers: Sequence[Any], names: Sequence[str] = (), output: str | None = None
) -> list[Said]:
    """What each answer says.

    A label takes precedence over scores beside it. A list of names beside as many scores says which
    score belongs to which class.

    Args:
        answers: values as JSON has them.
        names: of the classes.
        output: the field of an object that holds the answer; ``a.b`` is field b of field a.

    Raises:
        UserError: if two fields may be the answer and differ, or no object has ``output``.

    Guarantee: an answer of another form than most, such as an error, says nothing; it changes
    nothing of what the others say.

    >>> [each.top() for each in all_said(["cat", [0.1, 0.9], {"label": "cat", "score": 0.9}])]
    [('label', 'cat'), ('position', 1), ('label', 'cat')]
    >>> all_said([{"classes": ["b", "a"], "scores": [0.2, 0.8]}])[0].named
    {'b': 0.2, 'a': 0.8}
    """
    values = [opened(answer, names) for answer in answers]
    for _ in range(MOST):
        objects = [value for value in values if isinstance(value, Mapping) and value]
        step = None if output is None else first_step(output, [k for each in objects for k in each])
        if step is not None:
            values = [_at(value, step[0]) for value in values]
            output = step[1]
        elif len({tuple(each) for each in objects}) == 1 and len(objects[0]) == 1:
            (key,) = objects[0]  # the only field of all that have any
            if key in names and len(names) > 1 and len(objects) == 1:
                break
            values = [_at(value, key) for value in values]
        else:
            break
        values = [opened(value, names) for value in values]
    objects = [value for value in values if isinstance(value, Mapping) and value]
    if output is not None and objects:
        fields = ", ".join(dict.fromkeys(str(key) for each in objects for key in each))
        raise UserError(f"no answer has the field {output!r}; there are {fields[:200]}")
    form = _Form.of(objects, names) if objects else None
    return [
        form.said(value) if form and isinstance(value, Mapping) else of_value(value)
        for value in values
    ]


def first_step(path: str, keys: Collection[str]) -> tuple[str, str | None] | None:
    """The key that a path begins with, the longest that there is, and what is left of the path.

    >>> first_step("a.b.c", ["a", "a.b"]), first_step("a", ["a"]), first_step("a.b", ["b"])
    (('a.b', 'c'), ('a', None), None)
    """
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        if (key := ".".join(parts[:end])) in keys:
            return key, ".".join(parts[end:]) or None
    return None


class _Form(NamedTuple):
    """Where objects hold the answer.

    Attributes:
        labels: fields that hold a label; an object has one or more of them, all alike.
        scores: fields that hold scores, on the same terms.
        owners: the field that names the class of each score.
        named: fields that each hold the score of the class they are named after.
    """

    labels: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    owners: str | None = None
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, objects: Sequence[Object], names: Sequence[str]) -> "_Form":
        """Where ``objects`` hold the answer; of no known form, nowhere."""
        keys = list(dict.fromkeys(key for each in objects for key in each))
        by_name = (
            tuple(names) if names and _most(objects, lambda each: _all_in(each, names)) else ()
        )
        many = [k for k in (*SCORES, *LABELS) if any(is_many(each.get(k)) for each in objects)]
        unnamed = [k for k in keys if k not in (*many, *NAMES)]
        many += [k for k in unnamed if _are_scores(objects, k, len(names))]
        owners = next((k for k in keys if _are_owners(objects, k, many, names)), None)
        scores = cls(scores=tuple(many), owners=owners) if many and not by_name else cls()
        if by_name:
            scores = cls(named=by_name)
        known, others = _label_fields(objects, [k for k in keys if k not in by_name], names)
        _check_alike([*known, *others], objects, _label_at)
        if known:
            labels = cls(labels=(*known, *others))
            _check_together(labels, scores, objects)
            return labels
        if others:
            labels = cls(labels=tuple(others))
            if scores != cls() and any(is_number(labels.said(each).label) for each in objects):
                _refuse([*others, *(many or ["scores by name"])])
            _check_together(labels, scores, objects)
            return labels
        _check_alike(many, objects, lambda each, key: of_value(each.get(key)).top())
        if scores != cls():
            return scores
        plain = [each for each in objects if _all_in(each, each) and _are_classes(each, names)]
        keys = list(dict.fromkeys(key for each in plain for key in each))
        best_few = len(keys) == len(names) or len({tuple(each) for each in plain}) > 1
        if 2 * len(plain) > len(objects) and (best_few or len(objects) == 1):
            return cls(named=tuple(keys))
        return cls()

    def said(self, fields: Object) -> Said:
        """What one object says."""
        for key in self.labels:
            if (label := _label_at(fields, key)) is not None:
                return of_value(label)
        if self.named:
            present = [key for key in self.named if key in fields]
            if not present or not _all_in(fields, present):
                return NOTHING
            return Said(named={key: float(fields[key]) for key in present})
        each = next((of_value(fields[key]) for key in self.scores if key in fields), NOTHING)
        owners: Any = None if self.owners is None else fields.get(self.owners)
        if are_labels(owners) and each.scores is not None and len(each.scores) == len(owners):
            return Said(named=dict(zip(map(spelled, owners), each.scores, strict=True)))
        return each


def _label_fields(
    objects: Sequence[Object], keys: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The fields that may hold the label: those with a usual name, and others that hold classes.

    If a field with a usual name holds names of classes, numbers in other fields do not count as
    classes. Otherwise they may be indices.
    """
    values = {key: [_label_at(each, key) for each in objects] for key in keys if key not in SCORES}
    values = {key: [x for x in labels if x is not None] for key, labels in values.items()}
    known = [key for key, labels in values.items() if labels and key in LABELS]
    known += [key for key, labels in values.items() if len(labels) == len(objects) and key in NAMES]
    words = {name.strip() for name in names if not is_number(name)}

    def share(key: str, fits: Any) -> float:
        return sum(map(fits, values[key])) / len(objects)

    def is_word(label: Any) -> bool:
        return str(label).strip() in words

    sure = any(share(key, is_word) > 0.5 for key in known)
    others = [
        key
        for key, labels in values.items()
        if key not in known
        and (len({spelled(label) for label in labels}) > 1 or len(objects) == 1 < len(keys))
        and share(key, is_word if sure else lambda label: _is_class(label, names)) > 0.5
    ]
    return known, others


def _are_classes(labels: Iterable[Any], names: Sequence[str]) -> bool:
    return all(_is_class(label, names) for label in labels)


def _is_class(label: Any, names: Sequence[str]) -> bool:
    """Whether a label may be a class, under any reading of it."""
    text = spelled(label).strip().removeprefix("__label__")
    number = text.removeprefix("LABEL_")
    if text.lower() in {name.strip().lower() for name in names}:
        return True
    if not is_number(number):
        return text.lower() in ("true", "false") and len(names) == 2
    return float(number).is_integer() and 0 <= float(number) <= len(names)


def _check_alike(
    keys: Sequence[str], objects: Sequence[Object], read: Callable[[Object, str], Any]
) -> None:
    """Raise a UserError if any object has different values in these fields."""
    for each in objects:
        values = [value for key in keys if (value := read(each, key)) is not None]
        if len({x if isinstance(x, tuple) else spelled(_plain_number(x)) for x in values}) > 1:
            _refuse(keys)


def _check_together(labels: _Form, scores: _Form, objects: Sequence[Object]) -> None:
    """Raise a UserError if labels do not go with the scores beside them."""
    pairs = [(labels.said(each).top(), scores.said(each).top()) for each in objects]
    pairs = [(label, top) for label, top in pairs if label is not None and top is not None]
    if len(pairs) > len(objects) / 2 and not go_together(pairs):
        _refuse([*labels.labels, *(scores.scores or ("scores by name",))])


def go_together(pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Whether labels follow from the highest scores beside them, whatever the order of the classes.

    They do if four in five answers have the commonest label of their highest score. Scores that are
    sorted say nothing: the highest is always the first.

    Args:
        pairs: of each answer, the label and the place of the highest score.

    >>> go_together([("b", 0), ("a", 1), ("b", 0)]), go_together([("b", 0), ("a", 0), ("b", 1)] * 9)
    (True, False)
    """
    counts = Counter(pairs)
    commonest: dict[Any, int] = {}
    for (_, place), count in counts.items():
        commonest[place] = max(commonest.get(place, 0), count)
    return len(commonest) == 1 or sum(commonest.values()) >= 0.8 * counts.total()


def _refuse(keys: Sequence[str]) -> None:
    raise UserError(
        f"the answers have the fields {' and '.join(keys)}, which differ: name the one that is the "
        "answer with --output"
    )


def _plain_number(value: Any) -> Any:
    """A number, however it is spelled: "2.0" is 2."""
    return float(value) if is_number(value) else value


def _are_scores(objects: Sequence[Object], key: str, num_classes: int) -> bool:
    """Whether a field holds a number for each class in most objects."""
    return _most(objects, lambda each: len(of_value(each.get(key)).scores or ()) == num_classes)


def _are_owners(
    objects: Sequence[Object], key: str, many: Sequence[str], names: Sequence[str]
) -> bool:
    """Whether a field holds the names that scores belong to."""
    lists = [each.get(key) for each in objects if key in each]
    if key in many or not all(map(are_labels, lists)):
        return False
    return key in NAMES or all(_are_classes(labels or (), names) for labels in lists)


def _label_at(fields: Object, key: str) -> Any:
    value = fields.get(key)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return None if value == "" or is_many(value) or isinstance(value, list) else value


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value


def _most(objects: Sequence[Object], fits: Callable[[Object], bool]) -> bool:
    return 2 * sum(map(fits, objects)) > len(objects)


def _all_in(fields: Object, keys: Iterable[str]) -> bool:
    return all(is_number(fields.get(key)) for key in keys)
