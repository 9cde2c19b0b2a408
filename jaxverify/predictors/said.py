"""What answers say: labels, or scores by position or by name; in whatever form they come.

The forms are those of common servers and files: bare values, lists, objects with a label, with
scores, or with the names that the scores belong to, and these in one another. The same value means
the same, whether it comes from a file, an endpoint or a model that is asked here. Which field of an
object is the answer is found out once, from all answers.
"""

import json
from collections import Counter
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
        UserError: if two fields may be the answer, and differ, or none is called ``output``.

    >>> [each.top() for each in all_said(["cat", [0.1, 0.9], {"label": "cat", "score": 0.9}])]
    [('label', 'cat'), ('position', 1), ('label', 'cat')]
    >>> all_said([{"classes": ["b", "a"], "scores": [0.2, 0.8]}])[0].named
    {'b': 0.2, 'a': 0.8}
    """
    values = [_opened(answer, names) for answer in answers]
    for _ in range(_MOST):
        objects = [value for value in values if isinstance(value, Mapping) and value]
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
    if output is not None and objects:
        fields = ", ".join(dict.fromkeys(str(key) for each in objects for key in each))
        raise UserError(f"no answer has the field {output!r}; there are {fields[:200]}")
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
        labels: the fields of a label, of which an object has one or more, all alike.
        scores: likewise of scores.
        owners: the field of the names that these belong to.
        named: fields that are scores of the class which they are called after.
    """

    labels: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    owners: str | None = None
    named: tuple[str, ...] = ()

    @classmethod
    def of(cls, objects: Sequence[Mapping[str, Any]], names: Sequence[str]) -> "_Form":
        keys = list(dict.fromkeys(key for each in objects for key in each))
        by_name = tuple(names) if names and _in_all(objects, names, is_number) else ()
        many = [k for k in (*SCORES, *LABELS) if any(_is_many(each.get(k)) for each in objects)]
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
        _check_alike(many, objects, lambda each, key: _said(each.get(key)).top())
        if scores != cls():
            return scores
        numbers = all(is_number(value) for each in objects for value in each.values())
        best_few = len(keys) == len(names) or len({tuple(each) for each in objects}) > 1
        if numbers and (best_few or len(objects) == 1) and all(_is_class(k, names) for k in keys):
            return cls(named=tuple(keys))
        return cls()

    def said(self, fields: Mapping[str, Any]) -> Said:
        """What one object says."""
        for key in self.labels:
            if (label := _label_at(fields, key)) is not None:
                return _said(label)
        if self.named:
            found = {k: float(fields[k]) for k in self.named if is_number(fields.get(k))}
            return Said(named=found) if found else NOTHING
        each = next((_said(fields[key]) for key in self.scores if key in fields), NOTHING)
        owners: Any = None if self.owners is None else fields.get(self.owners)
        if _are_labels(owners) and each.scores is not None and len(each.scores) == len(owners):
            return Said(named=dict(zip(map(spelled, owners), each.scores, strict=True)))
        return each


def _label_fields(
    objects: Sequence[Mapping[str, Any]], keys: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The fields that may be the label: those called so, and others that hold classes.

    Where a field that is called so holds the names of classes, numbers in others are not taken for
    classes; everywhere else they may be.
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


def _is_class(label: Any, names: Sequence[str]) -> bool:
    """Whether a label may be a class, under any reading of it."""
    text = spelled(label).strip().removeprefix("__label__")
    number = text.removeprefix("LABEL_")
    if text.lower() in {name.strip().lower() for name in names}:
        return True
    if not is_number(number):
        return text.lower() in ("true", "false") and len(names) == 2
    return float(number).is_integer() and 0 <= float(number) <= len(names)


def _check_alike(keys: Sequence[str], objects: Sequence[Mapping[str, Any]], read: Any) -> None:
    """Refuse fields that differ in any object."""
    for each in objects:
        found = [value for key in keys if (value := read(each, key)) is not None]
        if len({x if isinstance(x, tuple) else spelled(_plain_number(x)) for x in found}) > 1:
            _refuse(keys)


def _check_together(labels: "_Form", scores: "_Form", objects: Sequence[Mapping[str, Any]]) -> None:
    """Refuse labels that are not those of the highest of the scores beside them, in any order."""
    pairs = [(labels.said(each).top(), scores.said(each).top()) for each in objects]
    pairs = [(label, top) for label, top in pairs if label is not None and top is not None]
    counts = Counter(pairs)
    best: dict[Any, int] = {}
    for (_, top), count in counts.items():
        best[top] = max(best.get(top, 0), count)
    by_position = len(best) > 1  # and not from the highest to the lowest
    if by_position and len(pairs) > len(objects) / 2 and sum(best.values()) < 0.8 * len(pairs):
        _refuse([*labels.labels, *(scores.scores or ("scores by name",))])


def _refuse(keys: Sequence[str]) -> None:
    raise UserError(
        f"the answers have the fields {' and '.join(keys)}, which differ: name the one that is the "
        "answer with --output"
    )


def _plain_number(value: Any) -> Any:
    """A number, however it is spelled: "2.0" is 2."""
    return float(value) if is_number(value) else value


def _are_scores(objects: Sequence[Mapping[str, Any]], key: str, num_classes: int) -> bool:
    """Whether a field holds a number for each class in every object."""
    every = [_said(each.get(key)).scores for each in objects]
    return all(scores is not None and len(scores) == num_classes for scores in every)


def _are_owners(
    objects: Sequence[Mapping[str, Any]], key: str, many: Sequence[str], names: Sequence[str]
) -> bool:
    """Whether a field holds the names that scores belong to."""
    found = [each.get(key) for each in objects if key in each]
    if key in many or not all(map(_are_labels, found)):
        return False
    return key in NAMES or all(_is_class(x, names) for labels in found for x in labels or ())


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
