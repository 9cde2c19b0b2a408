"""What all verdicts have in common."""

import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Group

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO POWER"]


class AnyVerdict:
    """A verdict of any test: plain Python values, for programs, for pipelines and for people.

    Attributes:
        outcome: what it comes to, in a word.
        p_value: the probability of so much evidence, or more, without convergence.
    """

    outcome: Outcome
    p_value: float

    @property
    def passed(self) -> bool:
        """Whether the outcome is PASS."""
        return self.outcome == "PASS"

    def to_dict(self) -> dict[str, Any]:
        """All that it says, as plain Python values.

        Guarantee: what is an attribute too has the same value there.
        """
        raise NotImplementedError

    def to_json(self) -> str:
        """:meth:`to_dict` as one JSON object, valid everywhere (no NaN, no infinity)."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def __rich__(self) -> "Group":
        """A page for the terminal: ``rich.print(verdict)``."""
        from jaxverify.report.terminal import page

        return page(self.to_dict())
