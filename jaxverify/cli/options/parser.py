"""A parser that says which word was likely meant."""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from jaxverify.printable import printable


class Parser(argparse.ArgumentParser):
    """An argument parser: options are written out, and what is close to one is pointed out."""

    def __init__(self, **options: Any) -> None:
        """Options are those of argparse's parser."""
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with status 2, after the usage and a line."""
        self.print_usage(sys.stderr)
        line = printable(f"{self.prog}: error: {message}{self._suggestion(message)}")
        self.exit(2, f"{line}\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help: argparse would pass over an output that cannot be written."""
        if message:
            (file or sys.stderr).write(message)

    def _suggestion(self, message: str) -> str:
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if choice:
            wrong, known = [choice[1]], re.findall(r"[\w-]+", choice[2])
        else:
            wrong = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            known = list(self._words()) if message.startswith("unrecognized") else []
        for word in wrong:
            for close in difflib.get_close_matches(word, known, n=1):
                return f"; did you mean {close}?"
        return ""

    def _words(self) -> Iterator[str]:
        """All options, those of subcommands too."""
        for action in self._actions:
            yield from action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    yield from parser._words()
