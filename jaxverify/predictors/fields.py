"""Which field of an object is the answer: found once, from all answers.

A field of a common name is the answer, or one that holds classes in most answers. Where two fields
may hold it and differ, the error names both; nothing is guessed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxverify.errors import UserError
from jaxverify.predictors.answer_forms import (
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
from jaxverify.predictors.columns import (
    Object,
    all_numbers,
    are_any,
    are_classes,
    contradicts,
    crosses_half,
    is_word,
    label_at,
    label_columns,
    most,
    owner_column,
    rivals,
    score_columns,
    score_lists,
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
    values = _found(answers, names, output)
    objects = _objects(values)
    form = _Form.of(objects, names) if objects else None
    return [
        form.said(value) if form and isinstance(value, Mapping) else of_value(value)
        for value in values
    ]


def unread(answers: Sequence[Any], names: Sequence[str] = ()) -> list[str]:
    """Fields beside the one that was read which may be the answer for all we know.

    Args:
        answers: values that :func:`all_said` understands.
        names: of the classes.

    >>> unread([{"label": "a", "score": 0.9, "other": x} for x in ("yes it is", "no it is not")])
    ['other']
    """
    objects = _objects(_found(answers, names, None))
    if len(objects) < 2:
        return []
    form = _Form.of(objects, names)
    keys = list(dict.fromkeys(key for each in objects for key in each if key not in SCORES))
    return rivals(objects, keys, [*form.labels, *form.scores, *form.named, form.owners or ""])


def _objects(values: Sequence[Any]) -> list[Object]:
    return [value for value in values if isinstance(value, Mapping) and value]


def _found(answers: Sequence[Any], names: Sequence[str], output: str | None) -> list[Any]:
    """The values in which the answers are: down the path of ``output``, or the only fields."""
    values = [opened(answer, names) for answer in answers]
    for _ in range(MOST):
        objects = _objects(values)
        every = [key for each in objects for key in each]
        columns = score_columns(objects, list(dict.fromkeys(every)), names)
        if output in columns:  # the score of one class stands for those of all
            values = [
                {key: value.get(key) for key in columns} if isinstance(value, Mapping) else value
                for value in values
            ]
            output = None
            break
        step = None if output is None else first_step(output, every)
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
    objects = _objects(values)
    if output is not None and objects:
        fields = ", ".join(dict.fromkeys(str(key) for each in objects for key in each))
        raise UserError(f"no answer has the field {output!r}; there are {fields[:200]}")
    return [_opened(value, names) for value in values]


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
        if owner is not None and contradicts(objects, owner, scores.scores):
            _refuse([owner, *scores.scores], names)
        rest = [key for key in keys if key not in by_name and key != owner]
        known, others = label_columns(objects, rest, names)
        said = [x for each in objects for k in known if (x := label_at(each, k)) is not None]
        if scores != cls() and not are_any(said, names):
            if len(set(map(spelled, said))) > 1:
                _refuse([*known, *_called(scores)], names)
            known = []  # such as -1 in all of them
        _check_alike([*known, *others], objects, label_at, names)
        labels = cls(labels=(*known, *others))
        if known or others:
            follow = _check_together(labels, scores, objects, names)
            if not known and not follow:
                words = most(objects, lambda each: is_word(labels.said(each).label, names))
                beside = scores.scores if words else ()  # which do not contradict them
                chosen = [*labels.labels, *beside]
                if left := rivals(objects, keys, chosen, lists=words):
                    _refuse([*chosen, *left], names)
            _check_probability(labels, objects, keys, names)
            return labels
        tops = [*usual, *unusual]
        _check_alike(tops, objects, lambda each, key: of_value(each.get(key)).top(), names)
        if scores != cls():
            sure = usual or owner or any(is_word(name, names) for name in by_name)
            if not sure and (left := rivals(objects, keys, [*tops, *by_name])):
                _refuse([*_called(scores), *left], names)
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
    keys: Sequence[str],
    objects: Sequence[Object],
    read: Callable[[Object, str], Any],
    names: Sequence[str],
) -> None:
    """Raise a UserError if any object has different values in these fields."""
    for each in objects:
        values = [value for key in keys if (value := read(each, key)) is not None]
        if len({x if isinstance(x, tuple) else spelled(_plain_number(x)) for x in values}) > 1:
            _refuse(keys, names)


def _check_together(
    labels: _Form, scores: _Form, objects: Sequence[Object], names: Sequence[str]
) -> bool:
    """Whether labels follow from scores beside them; a UserError if they contradict these."""
    if scores == _Form():
        return False
    pairs = [(labels.said(each).top(), scores.said(each).top()) for each in objects]
    pairs = [(label, top) for label, top in pairs if label is not None and top is not None]
    if 2 * len(pairs) <= len(objects):
        return False
    words = [label == top for label, top in pairs if scores.named and is_word(label[1], names)]
    if not go_together(pairs) or sum(words) < 0.8 * len(words):
        _refuse([*labels.labels, *_called(scores)], names)
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


def _check_probability(
    labels: _Form, objects: Sequence[Object], keys: Collection[str], names: Sequence[str]
) -> None:
    """Raise a UserError if one of two classes is always the label, likely or not."""
    said = Counter(labels.said(each).top() for each in objects)
    if len(names) != 2 or len(objects) < 2 or said.most_common(1)[0][1] < 0.98 * len(objects):
        return
    for key in keys:
        if key not in labels.labels and crosses_half([label_at(each, key) for each in objects]):
            raise UserError(
                f"{labels.labels[0]} is the same in nearly all answers, and {key} may be its "
                f"probability: say --output {key} with --one-score, or --output {labels.labels[0]}"
            )


def _called(scores: _Form) -> tuple[str, ...]:
    """Fields by which scores can be named."""
    return scores.scores or scores.named[:1]


def _refuse(keys: Sequence[str], names: Sequence[str]) -> None:
    hint = " (a number that tells the two apart: with --one-score, too)" if len(names) == 2 else ""
    raise UserError(
        f"the answers have the fields {' and '.join(keys)}, which differ: name the one that is the "
        f"answer with --output{hint}"
    )


def _opened(value: Any, names: Sequence[str]) -> Any:
    """An object whose fields hold values in place of texts of JSON."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: opened(x, names) if isinstance(x, str) and x[:1] in ("[", "{") else x
        for key, x in value.items()
    }


def _plain_number(value: Any) -> Any:
    """A number, however it is spelled: "2.0" is 2."""
    return float(value) if is_number(value) else value


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value
