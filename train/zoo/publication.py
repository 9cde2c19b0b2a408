"""From ``results/zoo/`` to the tables of ``docs/zoo.md``."""

from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "zoo"
PAGE = _ROOT / "docs" / "zoo.md"


def publish() -> None:
    """Write the page's tables from the results."""
