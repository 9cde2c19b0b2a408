"""Matches of given answers with labels in random order, counted in whole numbers."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np


def of_each(num_samples: int, num_classes: int) -> list[int]:
    """How often each class is among balanced labels."""
    return [
        num_samples // num_classes + (c < num_samples % num_classes) for c in range(num_classes)
    ]


def splits(total: int, caps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All ways to take ``total`` from classes of so many each."""
    if len(caps) == 1:
        if total <= caps[0]:
            yield (total,)
        return
    for first in range(min(total, caps[0]) + 1):
        for rest in splits(total - first, caps[1:]):
            yield (first, *rest)


def tails(answers: Sequence[int], labels: Sequence[int]) -> np.ndarray:
    """P(matches >= h) for h = 0 to M + 1, of so many answers and labels of each class.

    The rook polynomial of the classes counts the ways to choose j matches; inclusion and exclusion
    leave those orders with exactly h.
    """
    return _tails(tuple(sorted(zip(answers, labels, strict=True))))


@lru_cache(maxsize=4096)
def _tails(pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    size = sum(r for _, r in pairs)
    rooks = np.array([1], object)
    for a, r in pairs:
        ways = [math.comb(a, j) * math.comb(r, j) * math.factorial(j) for j in range(min(a, r) + 1)]
        rooks = np.convolve(rooks, np.array(ways, object))
    signed = [(-1) ** j * ways * math.factorial(size - j) for j, ways in enumerate(rooks.tolist())]
    exactly = np.array(signed, object)
    for i in range(len(exactly)):  # shifts the polynomial by one
        exactly[i:] = np.cumsum(exactly[i:][::-1])[::-1]
    orders = [(-1) ** j * count for j, count in enumerate(exactly.tolist())]
    found, reached = np.zeros(size + 2), 0
    for h in range(len(orders) - 1, -1, -1):
        reached += orders[h]
        found[h] = reached / math.factorial(size)
    return found


def worst_of_all(num_samples: int, num_classes: int, known: int) -> np.ndarray:
    """P(right answers >= k), k = 0 to N + 1, over every split of the known and all answers."""
    each, left = of_each(num_samples, num_classes), num_samples - known
    worst = np.ones(num_samples + 2)
    worst[known:] = 0
    for split in splits(known, each):
        labels = [m - k for m, k in zip(each, split, strict=True)]
        for answers in splits(left, [left] * num_classes):
            worst[known:] = np.maximum(worst[known:], tails(answers, labels))
    return worst


def leaning_ways(
    num_samples: int, num_classes: int, known: int, steps: int = 12
) -> Iterator[tuple[list[int], list[int]]]:
    """Answers and labels of the worst kind: one class known first, and answered the less."""
    each = sorted(of_each(num_samples, num_classes))
    for c in range(num_classes):
        taken = min(known, each[c])
        each[c], known = each[c] - taken, known - taken
    left, size = np.array(each), sum(each)
    behind = left.max() - left
    for gap in {*behind.tolist()} - {0} or {1}:
        for lean in 1 - np.linspace(1, 0, steps) ** 2:
            weights = np.maximum(0, 1 - lean / gap * behind) * (left > 0)
            exact = size * weights / weights.sum()
            answers = np.floor(exact).astype(int)
            order = np.argsort(-(exact - answers + left / 1e6), kind="stable")
            answers[order[: size - answers.sum()]] += 1
            yield answers.tolist(), left.tolist()
