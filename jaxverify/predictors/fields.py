"""Which field of an object is the answer: found once, from all answers.

A field of a common name is the answer, or one that holds classes in most answers. Where two fields
may hold it and differ, the error names both; nothing is guessed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxverify.errors import UserError
from jaxverify.predictors.columns import (
    Object,
    all_numbers,
    are_classes,
    is_class,
    is_low,
    is_word,
    label_at,
    label_columns,
    most,
    owner_column,
    rivals,
    score_columns,
    score_lists,
    varies,
)
from jaxverify.predictors.said import (
    MOST,
    NOTHING,
    SCORES,
    Said,
    are_labels,
    is_number,
    of_value,
    opened,
    spelled,
)

_TELLING = 16  # answers that are enough to tell whether labels follow from scores


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
        by_name = score_columns(objects, keys, names)
        owner = owner_column(objects, keys, names)
        usual, unusual = ([], []) if by_name else score_lists(objects, keys, names, owner)
        scores = cls(named=by_name)
        if usual or unusual:
            scores = cls(scores=(*usual, *unusual), owners=owner)
        known, others = label_columns(
            objects, [k for k in keys if k not in by_name and k != owner], names
        )
        if scores != cls() and not any(
            is_class(label, names)
            for each in objects
            for key in known
            if (label := label_at(each, key)) is not None
        ):
            known = []  # such as -1 in all of them
        if not known and by_name and all(is_word(name, names) for name in by_name):
            others = []  # a number beside a score for each class by its name
        _check_alike([*known, *others], objects, label_at)
        labels = cls(labels=(*known, *others))
        if known or others:
            follow = _check_together(labels, scores, objects)
            if not known and not follow:
                words = most(objects, lambda each: is_word(labels.said(each).label, names))
                _check_rivals(labels, objects, keys, numbers=not words)
            _check_probability(labels, objects, names)
            return labels
        _check_alike([*usual, *unusual], objects, lambda each, key: of_value(each.get(key)).top())
        if scores != cls():
            if not usual and not by_name and owner is None:
                _check_rivals(scores, objects, keys, numbers=False)
            return scores
        plain = [each for each in objects if all_numbers(each, each) and are_classes(each, names)]
        keys = list(dict.fromkeys(key for each in plain for key in each))
        best_few = len(keys) == len(names) or len({tuple(each) for each in plain}) > 1
        if 2 * len(plain) > len(objects) and (best_few or len(objects) == 1):
            return cls(named=tuple(keys))
        return cls()

    def said(self, fields: Object) -> Said:
        """What one object says."""
        for key in self.labels:
            if (label := label_at(fields, key)) is not None:
                return of_value(label)
        if self.named:
            present = [key for key in self.named if key in fields]
            if not present or not all_numbers(fields, present):
                return NOTHING
            return Said(named={key: float(fields[key]) for key in present})
        each = next((of_value(fields[key]) for key in self.scores if key in fields), NOTHING)
        owners: Any = None if self.owners is None else fields.get(self.owners)
        if are_labels(owners) and each.scores is not None and len(each.scores) == len(owners):
            return Said(named=dict(zip(map(spelled, owners), each.scores, strict=True)))
        return each


def _check_alike(
    keys: Sequence[str], objects: Sequence[Object], read: Callable[[Object, str], Any]
) -> None:
    """Raise a UserError if any object has different values in these fields."""
    for each in objects:
        values = [value for key in keys if (value := read(each, key)) is not None]
        if len({x if isinstance(x, tuple) else spelled(_plain_number(x)) for x in values}) > 1:
            _refuse(keys)


def _check_together(labels: _Form, scores: _Form, objects: Sequence[Object]) -> bool:
    """Whether labels follow from scores beside them; a UserError if they contradict these."""
    if scores == _Form():
        return False
    pairs = [(labels.said(each).top(), scores.said(each).top()) for each in objects]
    pairs = [(label, top) for label, top in pairs if label is not None and top is not None]
    if 2 * len(pairs) <= len(objects):
        return False
    together = go_together(pairs)
    if not together:
        _refuse([*labels.labels, *(scores.scores or ("scores by name",))])
    return len(pairs) >= _TELLING and len({top for _, top in pairs}) > 2


def go_together(pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Whether labels follow from the highest scores beside them, whatever the order of the classes.

    They do if four in five answers have the commonest label of their highest score, and four in
    five the commonest place of the highest score for their label. Scores that are sorted say
    nothing: the highest is always the first.

    Args:
        pairs: of each answer, the label and the place of the highest score.

    >>> go_together([("b", 0), ("a", 1), ("b", 0)]), go_together([("b", 0), ("a", 0), ("b", 1)] * 9)
    (True, False)
    >>> go_together([("b", 0), ("b", 1)])  # one label, whatever the scores
    False
    """
    counts = Counter(pairs)
    if len({place for _, place in counts}) == 1:
        return True
    return all(_share_of_commonest(counts, given) >= 0.8 for given in (0, 1))


def _share_of_commonest(counts: Counter[tuple[Any, Any]], given: int) -> float:
    commonest: dict[Any, int] = {}
    for pair, count in counts.items():
        commonest[pair[given]] = max(commonest.get(pair[given], 0), count)
    return sum(commonest.values()) / counts.total()


def _check_rivals(
    chosen: _Form, objects: Sequence[Object], keys: Collection[str], *, numbers: bool
) -> None:
    """Raise a UserError if fields without a usual name are chosen, and others may be the answer."""
    fields = [*chosen.labels, *chosen.scores]
    if others := rivals(objects, keys, fields, numbers=numbers):
        _refuse([*fields, *others])


def _check_probability(labels: _Form, objects: Sequence[Object], names: Sequence[str]) -> None:
    """Raise a UserError if one of two classes is always the label, likely or not."""
    if len(names) != 2 or varies([labels.said(each) for each in objects]):
        return
    for key in SCORES:
        low = sum(is_low(label_at(each, key)) for each in objects)
        if low > 0.05 * len(objects):
            raise UserError(
                f"{labels.labels[0]} is the same in all answers, and {key} its probability: say "
                f"--output {key} --one-score 0.5, or --output {labels.labels[0]}"
            )


def _refuse(keys: Sequence[str]) -> None:
    raise UserError(
        f"the answers have the fields {' and '.join(keys)}, which differ: name the one that is the "
        "answer with --output (a number that tells two classes apart: with --one-score, too)"
    )


def _plain_number(value: Any) -> Any:
    """A number, however it is spelled: "2.0" is 2."""
    return float(value) if is_number(value) else value


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value
