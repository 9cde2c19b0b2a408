"""What answers say: labels, or scores by position or by name; in whatever form they come.

The forms are those of common servers and files: bare values, lists, objects with a label, with
scores, or with the names that the scores belong to, and these in one another. The same value means
the same, whether it comes from a file, an endpoint or a model that is asked here. Which field of an
object is the answer is found out once, from all answers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxverify.errors import UserError

LABELS = ("label", "prediction", "predicted", "class", "answer", "output", "predicted_label")
LABELS += ("predicted_class", "class_name", "displayName")
SCORES = ("scores", "probabilities", "logits", "confidences", "probability", "confidence", "score")
NAMES = ("classes", "labels", "displayNames", "class_names")
_MOST = 100  # fields or lists in one another


class Said(NamedTuple):
    """What an answer says; at most one of these, and nothing where it was not understood.

    Attributes:
        label: a class, by its name or number, as :func:`spelled` has it.
        scores: by the position of the class.
        named: scores by the label of the class; some classes may be missing, as where a server
            gives the best few.
    """

    label: str | None = None
    scores: tuple[float, ...] | None = None
    named: Mapping[str, float] | None = None

    def top(self) -> tuple[str, Any] | None:
        """What it comes to: equal for two answers that mean the same class; None for nothing."""
        values = self.named.values() if self.named is not None else self.scores
        if values is None:
            return None if self.label is None else ("label", self.label)
        if not values or np.isnan(list(values)).any():
            return None
        if self.named is not None:
            return "label", max(self.named, key=self.named.__getitem__)
        return "position", int(np.argmax(self.scores or ()))


NOTHING = Said()


def all_said(
    answers: Sequence[Any], names: Sequence[str] = (), output: str | None = None
) -> list[Said]:
    """What each answer says.

    A label goes before scores that stand beside it. Names that stand beside as many scores say
    which is whose. Of objects the answer is in a field that is called as answers are, or in the
    only one that holds the name of a class in every answer.

    Args:
        answers: values as JSON has them.
        names: of the classes.
        output: of objects: the field that holds the answer.

    Raises:
        UserError: if two fields may be the answer, and differ.

    >>> [each.top() for each in all_said(["cat", [0.1, 0.9], {"label": "cat", "score": 0.9}])]
    [('label', 'cat'), ('position', 1), ('label', 'cat')]
    >>> all_said([{"classes": ["b", "a"], "scores": [0.2, 0.8]}])[0].named
    {'b': 0.2, 'a': 0.8}
    """
    values = [_opened(answer, names) for answer in answers]
    for _ in range(_MOST):
        objects = [value for value in values if isinstance(value, Mapping)]
        if output is not None and any(output in each for each in objects):
            values = [_at(value, output) for value in values]
            output = None
        elif len({tuple(each) for each in objects}) == 1 and len(objects[0]) == 1:
            (key,) = objects[0]  # the only field of all that have any
            if key in names and len(names) > 1 and len(objects) == 1:
                break
            values = [_at(value, key) for value in values]
        else:
            break
        values = [_opened(value, names) for value in values]
    objects = [value for value in values if isinstance(value, Mapping) and value]
    form = _Form.of(objects, names) if objects else None
    return [
        form.said(value) if form and isinstance(value, Mapping) else _said(value)
        for value in values
    ]


def spelled(label: Any) -> str:
    """A label as text: whole numbers without a point.

    >>> spelled(1.0), spelled("1.0"), spelled(True)
    ('1', '1.0', 'True')
    """
    whole = isinstance(label, float | np.floating) and np.isfinite(label) and label == int(label)
    return str(int(label) if whole else label)


class _Form(NamedTuple):
    """Where in objects the answer is.

    Attributes:
        label: the field of a label.
        scores: the field of scores.
        owners: the field of the names that these belong to.
        named: fields that are scores of the class which they are called after.
    """

    label: str | None = None
    scores: str | None = None
    owners: str | None = None
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "_Form":
        keys = dict.fromkeys(key for each in objects for key in each)
        by_name = tuple(names) if names and _in_all(objects, names, is_number) else ()
        if label := _one_of(_label_fields(objects, keys, names, by_name), objects, _label_at):
            return cls(label=label)
        if by_name:
            return cls(named=by_name)
        many = [k for k in (*SCORES, *LABELS) if any(_is_many(each.get(k)) for each in objects)]
        if scores := _one_of(many, objects, lambda each, key: _said(each.get(key)).top()):
            owners = [k for k in NAMES if any(_are_labels(each.get(k)) for each in objects)]
            return cls(scores=scores, owners=next(iter(owners), None))
        all_numbers = all(is_number(value) for each in objects for value in each.values())
        return cls(named=tuple(keys)) if all_numbers else cls()

    def said(self, fields: Mapping[str, Any]) -> Said:
        """What one object says."""
        if self.label is not None:
            return _said(_label_at(fields, self.label))
        if self.named:
            found = {k: float(fields[k]) for k in self.named if is_number(fields.get(k))}
            return Said(named=found) if found else NOTHING
        if self.scores is None:
            return NOTHING
        each = _said(fields.get(self.scores))
        owners: Any = None if self.owners is None else fields.get(self.owners)
        if _are_labels(owners) and each.scores is not None and len(each.scores) == len(owners):
            return Said(named=dict(zip(map(spelled, owners), each.scores, strict=True)))
        return each


def _label_fields(
    objects: Sequence[Mapping[str, Any]],
    keys: Mapping[str, None],
    names: Sequence[str],
    by_name: Sequence[str],
) -> list[str]:
    """The fields that may be the label."""
    fields = [key for key in keys if key not in by_name and key not in SCORES]
    known = [
        key
        for key in fields
        if (key in LABELS and any(_label_at(each, key) is not None for each in objects))
        or (key in NAMES and all(_label_at(each, key) is not None for each in objects))
    ]

    def says_classes(key: str) -> bool:
        labels = [_label_at(each, key) for each in objects]
        if any(label is None for label in labels):
            return False
        texts = {spelled(label) for label in labels}
        return texts <= set(names) and (len(texts) > 1 or len(objects) == 1)

    others = [key for key in fields if key not in known and says_classes(key)]
    if others and not known and all(map(is_number, names)):
        # Any number may be a class then: it takes more than that to tell which field is the answer.
        others += [
            key for key in fields if key not in others and _in_all(objects, [key], is_number)
        ]
    return known + others


def _one_of(
    candidates: Sequence[str], objects: Sequence[Mapping[str, Any]], read: Any
) -> str | None:
    """The first of the fields, if all agree in every object."""
    for each in objects:
        found = [value for key in candidates if (value := read(each, key)) is not None]
        values = {value if isinstance(value, tuple) else spelled(value) for value in found}
        if len(values) > 1:
            raise UserError(
                f"the answers have the fields {' and '.join(candidates)}, which differ: name the "
                "one that is the answer with --output"
            )
    return next(iter(candidates), None)


def _label_at(fields: Mapping[str, Any], key: str) -> Any:
    value = fields.get(key)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return None if value == "" or _is_many(value) or isinstance(value, list) else value


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value


def _opened(value: Any, names: Sequence[str]) -> Any:
    """Without lists of one around it, and no longer JSON in a text."""
    for _ in range(_MOST):
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        elif isinstance(value, str) and value[:1] in ("[", "{") and value not in names:
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return value
        else:
            return value
    return None


def _said(value: Any) -> Said:
    """What a value says that is no object."""
    if isinstance(value, Mapping):
        numbers = {spelled(k): float(v) for k, v in value.items() if is_number(v)}
        return Said(named=numbers) if numbers and len(numbers) == len(value) else NOTHING
    if isinstance(value, list | tuple):
        if value and all(map(is_number, value)):
            return Said(scores=tuple(map(float, value)))
        pairs = [_pair(each) for each in value]  # a label with its score, class by class
        named = dict(pair for pair in pairs if pair is not None)
        return Said(named=named) if pairs and len(named) == len(pairs) else NOTHING
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return NOTHING if missing or value == "" else Said(label=spelled(value))


def _pair(value: Any) -> tuple[str, float] | None:
    if not isinstance(value, Mapping):
        return None
    labels = [value[key] for key in LABELS if key in value and not _is_many(value[key])]
    scores = [value[key] for key in SCORES if is_number(value.get(key))]
    return (spelled(labels[0]), float(scores[0])) if len(labels) == len(scores) == 1 else None


def _in_all(objects: Sequence[Mapping[str, Any]], keys: Sequence[str], fits: Any) -> bool:
    return all(fits(each.get(key)) for each in objects for key in keys)


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(x, str | int) for x in value)


def _is_many(value: Any) -> bool:
    if isinstance(value, str):
        return value[:1] in ("[", "{")
    return isinstance(value, Mapping) or (isinstance(value, list | tuple) and len(value) != 1)


def is_number(value: Any) -> bool:
    """Whether a value is a number, or spelled like one; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True
