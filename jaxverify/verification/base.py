"""What all verdicts have in common."""

import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Group

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "NO POWER"]


_MOST = 0.5  # of the extra samples: not every finished model knows more


def fail_below(detectable_share: float, finished_share: float | None) -> float:
    """The memorised share below which a model FAILs; 0 where FAIL is never said.

    Args:
        detectable_share: the share that the test detects nine times in ten.
        finished_share: what finished models were seen to know at least; None, if nobody looked.

    >>> fail_below(0.12, None), fail_below(0.86, None), fail_below(0.86, finished_share=0.9)
    (0.12, 0.0, 0.9)
    """
    if finished_share is not None:
        return finished_share
    return detectable_share if detectable_share <= _MOST else 0.0


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
