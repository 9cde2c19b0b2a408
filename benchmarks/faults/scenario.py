"""One command line, and what goes wrong while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.faults.server import Behave

Stream = Literal["kept", "closed", "full", "gone", "ascii"]


@dataclass(frozen=True)
class Base:
    """A command line that works.

    Attributes:
        project: the folder in which it runs, of :mod:`benchmarks.faults.projects`.
        command: its words.
        knows: whether the model that is judged knows the extra samples; None where none is.
        asks: whether it asks a model behind an endpoint.
    """

    project: str
    command: tuple[str, ...]
    knows: bool | None = None
    asks: bool = False

    def of(self, option: str) -> str:
        """What is given for an option, or the record for "record"."""
        place = 1 if option == "record" else self.command.index(option) + 1
        return self.command[place]

    def given(self, option: str, value: str) -> tuple[str, ...]:
        """The command with this value for an option, which is added if it is not there."""
        words = list(self.command)
        if option in words:
            words[words.index(option) + 1] = value
            return tuple(words)
        return (*words, option, value)


@dataclass(frozen=True)
class Scenario:
    """A command line with one fault.

    Attributes:
        kind: of fault.
        variant: what the fault is, in words.
        base: the command line that would work.
        command: its words with the fault.
        prepare: changes the files in the project's folder.
        server: how the endpoint answers.
        stdout: where the output goes.
        env: environment variables.
        largest_file: bytes that a file may have.
        no_links: whether the file system has no hard links.
        signal: sent to the process, after this share of the time that a command takes.
        beside: another command line, at the same time.
        answers_changed: whether the answers themselves are damaged, so that even a model that knows
            may be judged to know less, if that is said.
    """

    kind: str
    variant: str
    base: Base
    command: tuple[str, ...]
    prepare: Callable[[Path], object] = lambda folder: None
    server: Behave | None = None
    stdout: Stream = "kept"
    env: Mapping[str, str] = field(default_factory=dict)
    largest_file: int | None = None
    no_links: bool = False
    signal: tuple[int, float] | None = None
    beside: tuple[str, ...] | None = None
    answers_changed: bool = False

    @property
    def in_process(self) -> bool:
        """Whether it can run without a process of its own."""
        return self.signal is None and self.env.keys().isdisjoint(("LC_ALL", "PYTHONIOENCODING"))

    @property
    def in_a_process(self) -> bool:
        """Whether it can run as a process of its own."""
        return not self.no_links
