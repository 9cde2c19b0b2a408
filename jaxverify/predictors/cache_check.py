"""Check that cached answers still come from the model behind the endpoint."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from jaxverify.challenge import ID
from jaxverify.errors import UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.asking import Answered, AskBatch
from jaxverify.predictors.reading import gists, read_all

AGAIN = 20  # questions that are asked once more
_ALPHA = 0.025  # of each of two tests


class Kept(NamedTuple):
    """The cached answers of an attempt.

    Attributes:
        number: of answers from the cache.
        first: when the first of them was given, in ISO 8601.
        last: when the last was given.
        asked_again: how many of these questions were asked again.
        differ: how many of those got another answer.
    """

    number: int
    first: str
    last: str
    asked_again: int
    differ: int


def check_kept(
    ask: AskBatch,
    columns: Mapping[str, list[Any]],
    answered: Answered,
    classes: Classes,
    *,
    labels: Mapping[str, int] | None = None,
    most: int = AGAIN,
    rng: np.random.Generator,
) -> Kept | None:
    """Ask some of the answered questions once more.

    Where answers differ, the model is asked the same a third time: some models differ from
    themselves. The answers kept are void if more of them differ than that explains.

    Args:
        ask: asks some questions at once.
        columns: of all questions, their ids among them.
        answered: the answers, before any new one is added.
        classes: how answers name the classes.
        labels: of questions, by id, where the right answers are known.
        most: how many questions may be asked again, at the most.
        rng: draws which.

    Returns:
        Kept: or None where no answer was kept.

    Raises:
        UserError: if the answers kept are void.

    Guarantee: nothing is added to ``answered``; a model that always answers alike is found out if
    one of these answers is another; one that draws its answers at random, and is the same as
    before, is taken for another with a probability of at most 5%. Where labels are known, answers
    that are right far less often than those kept are another model's, however they differ.
    """
    rows = [i for i, name in enumerate(columns[ID]) if name in answered.kept]
    if not rows:
        return None
    chosen = sorted(rng.choice(rows, min(most, len(rows)), replace=False).tolist())

    def again() -> list[Any]:
        read = {name: [values[i] for i in chosen] for name, values in columns.items() if name != ID}
        return list(ask([columns[ID][i] for i in chosen], read)) if chosen else []

    asked = [[answered.said[columns[ID][i]] for i in chosen], again()]
    before, now = _gists(asked, classes)
    differ = sum(a != b for a, b in zip(before, now, strict=True))
    if not differ:
        return _kept(answered, len(rows), len(chosen), differ)
    names, then = [columns[ID][i] for i in chosen], again()
    was_right, is_right = (
        _right({**answered.said, **dict(zip(names, answers, strict=True))}, names, labels, classes)
        for answers in (asked[0], then)
    )
    fewer = _more(int((was_right & ~is_right).sum()), int((~was_right & is_right).sum()))
    if fewer or _explains(*_gists([*asked, then], classes)):
        raise UserError(
            f"{answered.path} holds answers that the model no longer gives: of {len(chosen)} "
            f"questions asked again {differ} were answered otherwise. Remove the file, or name "
            "another"
        )
    return _kept(answered, len(rows), len(chosen), differ)


def _kept(answered: Answered, number: int, asked_again: int, differ: int) -> Kept:
    times = sorted(answered.kept.values())
    return Kept(number, times[0], times[-1], asked_again, differ)


def _right(
    said: Mapping[str, Any],
    names: Sequence[str],
    labels: Mapping[str, int] | None,
    classes: Classes,
) -> Bool[np.ndarray, " n"]:
    """Whether each of these questions is answered rightly, all answers being read together."""
    try:
        indices = read_all(said, classes)
    except UserError:  # of answers that cannot be read none is right
        indices = {}
    known = {} if labels is None else labels
    return np.array([name in known and indices.get(name) == known[name] for name in names], bool)


def _gists(asked: Sequence[Sequence[Any]], classes: Classes) -> list[list[Any]]:
    """What all answers come to, read together."""
    flat = gists([answer for answers in asked for answer in answers], classes)
    size = len(asked[0])
    return [flat[i * size : (i + 1) * size] for i in range(len(asked))]


def _explains(before: Sequence[Any], now: Sequence[Any], then: Sequence[Any]) -> bool:
    """Whether another model explains the difference, and not that this one differs from itself."""
    triples = list(zip(before, now, then, strict=True))
    itself = sum(b != c for _, b, c in triples)
    if itself == 0:
        return True
    only_before = sum(a != b and b == c for a, b, c in triples)
    only_now = sum(a == b and b != c for a, b, c in triples)
    return _more(only_before, only_now)


def _more(first: int, second: int) -> bool:
    """Whether the first count is larger than a fair coin explains, of the two together."""
    from scipy.stats import binomtest  # which is slow to import

    if not first:
        return False
    test = binomtest(first, first + second, 0.5, alternative="greater")
    return bool(test.pvalue <= _ALPHA)
