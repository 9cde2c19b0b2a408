"""Options that take several numbers with commas between."""

import argparse
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def numbers(kind: Callable[[str], Number], example: str) -> Callable[[str], tuple[Number, ...]]:
    """A parser of such an option.

    Args:
        kind: of the numbers.
        example: of what may be given, for the error.

    >>> numbers(int, "0,1,4")("0,1,16")
    (0, 1, 16)
    """

    def parse(text: str) -> tuple[Number, ...]:
        try:
            return tuple(kind(part) for part in text.split(","))
        except ValueError as error:
            whole = "whole " if kind is int else ""
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {whole}numbers with commas between, such as {example}"
            ) from error

    return parse
