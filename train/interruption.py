"""Ctrl-C, taken between two steps rather than in the middle of a checkpoint."""

import signal
from types import FrameType
from typing import Self


class Interruption:
    """While it is open, a first Ctrl-C is remembered and a second one acts at once."""

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> Self:
        self._earlier = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._earlier)

    def raise_if_asked(self) -> None:
        """Raise the KeyboardInterrupt that was asked for, if one was."""
        if self._asked:
            raise KeyboardInterrupt

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
