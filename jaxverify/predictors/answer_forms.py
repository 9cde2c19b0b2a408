"""What one value says: a label, or scores by position or by name; in whatever form it comes.

The same value means the same, whether it comes from a file, an endpoint or a model asked here.
Which field of an object holds the answer: :mod:`jaxverify.predictors.fields`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

# What fields are called by common servers and libraries.
LABELS = ("label", "prediction", "predicted", "class", "answer", "output", "predicted_label")
LABELS += ("predicted_class", "class_name", "displayName", "output_label", "pred", "y_pred")
SCORES = ("scores", "probabilities", "logits", "confidences", "probability", "confidence", "score")
NAMES = ("classes", "labels", "displayNames", "class_names")
# Of pairs, a class with its score, these too.
_PAIR_LABELS = (*LABELS, "name", "Name", "className", "tagName", "Label")
_PAIR_SCORES = (*SCORES, "prob", "value", "Score", "Confidence")
MOST = 100  # levels of nesting that are unwrapped


class Said(NamedTuple):
    """What an answer says: one attribute is set, or none if it was not understood.

    Attributes:
        label: a class, by its name or number, as :func:`spelled` has it.
        scores: by the position of the class.
        named: scores by the label of the class; a server may give only the best few.
    """

    label: str | None = None
    scores: tuple[float, ...] | None = None
    named: Mapping[str, float] | None = None

    def top(self) -> tuple[str, Any] | None:
        """The class it means, equal for answers that mean the same one; None if it means none."""
        values = self.named.values() if self.named is not None else self.scores
        if values is None:
            return None if self.label is None else ("label", self.label)
        if not values or np.isnan(list(values)).any():
            return None
        if self.named is not None:
            return "label", max(self.named, key=self.named.__getitem__)
        return "position", int(np.argmax(self.scores or ()))


NOTHING = Said()


def spelled(label: Any) -> str:
    """A label as text: whole numbers without a point.

    >>> spelled(1.0), spelled("1.0"), spelled(True)
    ('1', '1.0', 'True')
    """
    whole = isinstance(label, float | np.floating) and np.isfinite(label) and label == int(label)
    return str(int(label) if whole else label)


def opened(value: Any, names: Sequence[str]) -> Any:
    """The value itself: taken out of lists of one, and parsed if it is a text that holds JSON."""
    strips = {name.strip() for name in names}
    for _ in range(MOST):
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        elif isinstance(value, str) and value[:1] in ("[", "{") and value.strip() not in strips:
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return value
        else:
            return value
    return None


def of_value(value: Any) -> Said:
    """What a value says: a label, a list of scores, or pairs of a label and its score."""
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
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return (value[0], float(value[1])) if is_number(value[1]) else None
    if not isinstance(value, Mapping):
        return None
    labels = [value[key] for key in _PAIR_LABELS if key in value and not is_many(value[key])]
    scores = [value[key] for key in _PAIR_SCORES if is_number(value.get(key))]
    return (spelled(labels[0]), float(scores[0])) if len(labels) == len(scores) == 1 else None


def are_labels(value: Any) -> bool:
    """Whether a value is a list of labels."""
    return isinstance(value, list) and value != [] and all(isinstance(x, str | int) for x in value)


def is_many(value: Any) -> bool:
    """Whether a value holds several, or is a text that does."""
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
