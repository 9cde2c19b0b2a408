"""Two things at a time: the next item is made while one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each made by another thread while the last is used.

    It saves time where making and using them leave Python's lock alone, as PyArrow does. One item
    more is in memory.

    Raises:
        Exception: what ``items`` raises, in its place.

    Guarantee: no thread is left, also where not all items are asked for.

    >>> list(read_ahead(range(3)))
    [0, 1, 2]
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, iterator, _END)
        while (item := following.result()) is not _END:
            following = pool.submit(next, iterator, _END)
            yield item  # pyright: ignore[reportReturnType]
