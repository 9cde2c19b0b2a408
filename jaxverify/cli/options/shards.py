"""``--shard J/K`` on the command line."""

import argparse

from jaxverify.record.shard import Shard


def shard(text: str) -> Shard:
    """What ``--shard`` was given.

    >>> shard("2/4")
    Shard(number=2, of=4)
    """
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is not J/K, such as 1/4")
    return Shard(int(number), int(of))
