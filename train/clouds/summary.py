"""From the findings of a matrix to the numbers that its page shows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from jaxverify import stats
from train.clouds.evidence import ALPHA, together

Finding = dict[str, Any]
Cells = Sequence[dict[str, Any]]


class Tried(NamedTuple):
    """One cloud against one construction, over all seeds.

    Attributes:
        cloud: its name.
        kind: "honest", "lazy" or "cheating".
        findings: one for each seed; none where the cloud cannot work on such data.
    """

    cloud: str
    kind: str
    findings: tuple[Finding, ...]

    def mean(self, field: str) -> float:
        """Over the seeds."""
        return sum(one[field] for one in self.findings) / len(self.findings)

    def passes(self, test: str) -> int:
        """How many seeds pass."""
        return sum(one["passed"][test] for one in self.findings)


def tried(cells: Cells) -> Iterator[Tried]:
    """Every cloud of one construction, from the cells of its seeds; quality is added to each.

    ``quality`` is CQ: the returned model's test accuracy over that of full training.
    """
    for name, first in cells[0]["clouds"].items():
        findings = []
        for cell in cells:
            found = cell["clouds"].get(name)
            if found is not None and "impossible" not in found:
                best = cell["clouds"]["full training"]["test_accuracy"]
                quality = found["test_accuracy"] / best
                passed = together(found["passed"])
                findings.append({**found, "passed": passed, "quality": quality})
        yield Tried(name, first["kind"], tuple(findings))


class Verdicts(NamedTuple):
    """What one test is worth against one construction.

    Attributes:
        false_accepts: lazy and cheating clouds that pass, of so many.
        false_rejects: honest clouds that do not, of so many.
        cheapest: the lowest cost of a cheating cloud that passes, as a share of honest training;
            None where none does.
        lowest_quality: the lowest CQ of a lazy cloud that passes; None where none does.
    """

    false_accepts: tuple[int, int]
    false_rejects: tuple[int, int]
    cheapest: float | None
    lowest_quality: float | None


def judge(all_tried: Iterable[Tried], test: str) -> Verdicts:
    """Count over clouds and seeds."""
    every = [(one.kind, found) for one in all_tried for found in one.findings]
    passing = [(kind, found) for kind, found in every if found["passed"][test]]
    should = sum(kind == "honest" for kind, _ in every)
    did = sum(kind == "honest" for kind, _ in passing)
    cheats = [found["cost"] for kind, found in passing if kind == "cheating"]
    lazy = [found["quality"] for kind, found in passing if kind == "lazy"]
    return Verdicts(
        (len(passing) - did, len(every) - should),
        (should - did, should),
        min(cheats, default=None),
        min(lazy, default=None),
    )


def rungs(one: Tried, num_classes: int) -> list[tuple[int, float, int]]:
    """Of a ladder: how often each rung was uploaded, its accuracy, and how many seeds pass.

    Each rung is judged by the paper's test on its own samples.
    """
    steps = []
    for several in zip(*(found["rungs"] for found in one.findings), strict=True):
        right = sum(rung["num_correct"] for rung in several)
        asked = sum(rung["num_samples"] for rung in several)
        passing = sum(
            float(stats.p_value(rung["num_correct"], rung["num_samples"], num_classes)) <= ALPHA
            for rung in several
        )
        steps.append((several[0]["repeats"], right / asked, passing))
    return steps
