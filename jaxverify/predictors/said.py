"""What one answer says: a label, or scores by position or by name; in whatever form it comes.

The forms are those of common servers and files: bare values, lists, objects with a label, with
scores, or with the names that the scores belong to, and these in one another. The same value means
the same, whether it comes from a file, an endpoint or a model that is asked here.
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


class Said(NamedTuple):
    """What an answer says; at most one of these, and nothing where it was not understood.

    Attributes:
        label: a class, by its name or number.
        scores: by the position of the class.
        named: scores by the label of the class; some classes may be missing, as where a server
            gives the best few.
    """

    label: Any = None
    scores: tuple[float, ...] | None = None
    named: Mapping[Any, float] | None = None

    def top(self) -> Any:
        """What it comes to: equal for two answers that mean the same class; None for nothing."""
        if self.scores is not None:
            known = not np.isnan(self.scores).any()
            return ("position", int(np.argmax(self.scores))) if known else None
        if self.named is not None:
            known = not np.isnan(list(self.named.values())).any()
            return ("label", str(max(self.named, key=self.named.__getitem__))) if known else None
        return None if self.label is None else ("label", str(self.label))


NOTHING = Said()


def said(answer: Any, names: Sequence[str] = (), output: str | None = None) -> Said:
    """What an answer says.

    A label goes before scores that stand beside it. Names that stand beside as many scores say
    which is whose.

    Args:
        answer: a value as JSON has it.
        names: of the classes: an object with a number for each is their scores.
        output: of an object: the field that holds the answer.

    Raises:
        UserError: if two fields of an object might be the answer and differ.
        RecursionError: if lists stand in lists a thousand deep.

    >>> said("cat"), said([0.1, 0.9]).scores, said({"label": "cat", "score": 0.9}).label
    (Said(label='cat', scores=None, named=None), (0.1, 0.9), 'cat')
    >>> said({"classes": ["b", "a"], "scores": [0.2, 0.8]}).named
    {'b': 0.2, 'a': 0.8}
    """
    if isinstance(answer, Mapping):
        return _of_object(answer, names, output)
    if isinstance(answer, list | tuple):
        return _of_list(list(answer), names, output)
    if isinstance(answer, str) and answer[:1] in ("[", "{") and answer not in names:
        try:
            return said(json.loads(answer), names, output)
        except (ValueError, RecursionError):
            return Said(label=answer)
    if isinstance(answer, float) and np.isnan(answer):
        return NOTHING
    if answer is None or (answer == "" and "" not in names):
        return NOTHING
    return Said(label=answer)


def _of_list(values: list[Any], names: Sequence[str], output: str | None) -> Said:
    if len(values) == 1:
        return said(values[0], names, output)
    if values and all(map(_is_number, values)):
        return Said(scores=tuple(map(float, values)))
    pairs = [_pair(value) for value in values]
    if values and all(pair is not None for pair in pairs):  # a label with its score, class by class
        return Said(named=dict(pair for pair in pairs if pair is not None))
    return NOTHING


def _pair(value: Any) -> tuple[Any, float] | None:
    if not isinstance(value, Mapping):
        return None
    labels = [value[key] for key in LABELS if key in value and not _is_many(value[key])]
    scores = [value[key] for key in SCORES if key in value and _is_number(value[key])]
    return (labels[0], float(scores[0])) if len(labels) == len(scores) == 1 else None


def _of_object(fields: Mapping[str, Any], names: Sequence[str], output: str | None) -> Said:
    if not fields:
        return NOTHING
    if output is not None:
        return said(fields.get(output), names)
    if len(fields) == 1:
        ((key, value),) = fields.items()
        if key in names and _is_number(value):
            return Said(named={key: float(value)})
        return said(value, names)
    for candidates in (_labels(fields, names), _scores(fields, names)):
        if len({each.top() for each in candidates.values()}) > 1:
            raise UserError(
                f"an answer has {' and '.join(candidates)}, which differ: name the one that is the "
                "answer with --output"
            )
        if candidates:
            return next(iter(candidates.values()))
    if all(map(_is_number, fields.values())):
        return Said(named={key: float(value) for key, value in fields.items()})
    return NOTHING


def _labels(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Said]:
    """What may be the label, by its field."""
    labels = {key: said(value, names) for key, value in fields.items() if key in LABELS}
    labels = {key: each for key, each in labels.items() if each != NOTHING}
    if labels:
        return labels
    texts = {key: value for key, value in fields.items() if isinstance(value, str)}
    return {key: Said(label=value) for key, value in texts.items() if value in names}


def _scores(fields: Mapping[str, Any], names: Sequence[str]) -> dict[str, Said]:
    """What may be the scores, by its field; with the names of the classes where these stand by."""
    if names and all(_is_number(fields.get(name)) for name in names):
        return {names[0]: Said(named={name: float(fields[name]) for name in names})}
    scores = {key: said(fields[key], names) for key in SCORES if _is_many(fields.get(key))}
    for owners in (fields[key] for key in NAMES if _are_labels(fields.get(key))):
        for key in scores:
            values = fields[key]
            if len(values) == len(owners) and all(map(_is_number, values)):
                scores[key] = Said(named=dict(zip(owners, map(float, values), strict=True)))
    return scores


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(x, str | int) for x in value)


def _is_many(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping) or (
        isinstance(value, str) and value[:1] in ("[", "{")
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True
