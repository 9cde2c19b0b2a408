"""What came of each scenario, a line of JSON each."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Of one scenario.

    Attributes:
        name: of the scenario, from which it can be drawn again.
        kind: of fault.
        variant: what the fault was.
        command: its words, with PLACE for the temporary folder.
        status: with which it ended; None where it did not end.
        seconds: that it took.
        violations: what was wrong.
        err: the beginning of what it said, where something was wrong.
    """

    name: str
    kind: str
    variant: str
    command: list[str]
    status: int | None
    seconds: float
    violations: list[str]
    err: str


def add(path: Path, outcome: Outcome) -> None:
    """Write one down."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(outcome)) + "\n")


def read(path: Path) -> list[Outcome]:
    """All so far; a line that was cut short counts as not written."""
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text().split("\n")[:-1]]
