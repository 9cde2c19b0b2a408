"""The name of one part of an extra task, which options and ledgers need before any JAX."""

from typing import NamedTuple


class Shard(NamedTuple):
    """Part ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        """As it is written on the command line."""
        return f"{self.number}/{self.of}"


WHOLE = Shard(1, 1)
