"""What each JSON object begins with that a command prints: what it is, and by which program."""

from datetime import UTC, datetime
from typing import Any

from jaxverify import __version__

VERSION = 1  # goes up where a field is taken away, or means another thing


def head(what: str) -> dict[str, Any]:
    """The first fields.

    Args:
        what: the command printed: "verdict", "plan" or "record"; docs/json.md describes each.

    >>> head("verdict")["schema"]
    'jaxverify verdict 1'
    """
    return {"schema": f"jaxverify {what} {VERSION}", "program": __version__, "date": now()}


def now() -> str:
    """The time, in UTC, as ISO 8601 has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
