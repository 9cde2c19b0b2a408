"""The terminal: what is said stands there as it is, whoever wrote it."""

import errno
import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.progress import Progress
from rich.segment import Segment

from jaxverify.printable import printable


class Screen(Console):
    """A console that takes brackets for brackets and colons for colons.

    Guarantee: whatever is printed, no control character of it reaches the terminal.
    """

    def __init__(self, **options: Any) -> None:
        """Begin on standard output; options are those of rich's console."""
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments of text without control characters."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                text = "\n".join(map(printable, segment.text.split("\n")))
                yield segment._replace(text=text)

    def on_broken_pipe(self) -> None:
        """Fail as any stream does: rich would end with status 1, which means another thing."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def say(self, text: str) -> None:
        """Say something on one line, however long."""
        self.print(text, soft_wrap=True)

    def caution(self, text: str) -> None:
        """Say what is to be minded."""
        self.print(f"Caution: {text}", style="yellow")


def progress_bar(*, quiet: bool) -> Progress:
    """A bar on the error stream, gone when it is done; none where that is no terminal."""
    console = Screen(stderr=True, quiet=quiet)
    return Progress(console=console, transient=True, disable=not console.is_terminal)
