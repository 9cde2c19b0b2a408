"""What the runs of one cell say of the method, over seeds: the paper's metrics and some more."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from jaxverify.stats import threshold

WELL_TRAINED = 0.95  # of the best test accuracy; a pass below it is a false accept
_ROUNDING = 0.02  # of the time between evaluations, which begin at a whole step

Result = Mapping[str, Any]  # what a run's result.json holds


@dataclass(frozen=True)
class Mean:
    """A mean over seeds with its 95% interval, of Student's t, where there are several.

    Attributes:
        mean: of the values.
        count: how many there are.
        margin: half the interval's width; NaN for a single value.
    """

    mean: float
    count: int
    margin: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of at least one value.

        >>> Mean.of([1.0, 2.0, 3.0])
        Mean(mean=2.0, count=3, margin=2.484...)
        """
        count, margin = len(values), math.nan
        if count > 1:
            error = statistics.stdev(values) / math.sqrt(count)
            margin = float(stats.t.ppf(0.975, count - 1)) * error
        return cls(statistics.fmean(values), count, margin)


def best_accuracy(result: Result) -> float:
    """acc_max, the best test accuracy of the run."""
    return result["summary"]["best_test_accuracy"]


def performance_loss(without: Result, protected: Result) -> float:
    """What the extra task costs: acc_max of the baseline less that of the run with it.

    The two are of one seed: they share the original samples, initial parameters and nothing else,
    as the mixing moves every sample. The best is taken of the evaluations that both have; those
    that the protected run has besides, where the extra task begins to pass, would favour it.
    """
    if without["config"]["seed"] != protected["config"]["seed"]:
        raise ValueError(
            f"the runs have seeds {without['config']['seed']} and {protected['config']['seed']}"
        )
    return _best_scheduled(without) - _best_scheduled(protected)


def _best_scheduled(result: Result) -> float:
    every = result["config"]["eval_every"]
    last = result["evaluations"][-1]
    return max(
        row["test_accuracy"]
        for row in result["evaluations"]
        if row is last or abs(row["epoch"] / every - round(row["epoch"] / every)) < _ROUNDING
    )


def accuracy_baseline(best: float, required: float) -> float | None:
    """CQ of the rule that accepts a model from a test accuracy of ``required`` on.

    Returns:
        ``required / best`` (eq. 6), or None where the rule rejects even the best model, which the
        paper calls a false positive.

    >>> accuracy_baseline(0.9223, 0.6)
    0.650...
    >>> accuracy_baseline(0.892, 0.9) is None
    True
    """
    return required / best if required <= best else None


def false_reject(results: Sequence[Result]) -> float | None:
    """The share of the runs, all trained to the end, whose last model does not pass.

    Returns:
        None of no runs.
    """
    if not results:
        return None
    return statistics.fmean(not result["summary"]["final_passed"] for result in results)


def asked(result: Result) -> list[tuple[float, Mapping[str, Any]]]:
    """Test accuracy and row of each model of which the extra task was asked, evaluations first.

    The test accuracy at a probe is taken to lie on the line from one evaluation to the next.
    """
    rows = result["evaluations"]
    every = [*rows, *result.get("probes", ())]
    accuracies = np.interp(
        [row["step"] for row in every],
        [0, *(row["step"] for row in rows)],
        [0, *(row["test_accuracy"] for row in rows)],
    )
    return list(zip(accuracies.tolist(), every, strict=True))


def false_accept(results: Sequence[Result], passed: str = "passed") -> float | None:
    """The share of the models below 95% of acc_max that pass, of all along the runs.

    Args:
        results: of one cell and arm.
        passed: the name that the verdict of the test has in the rows.

    Returns:
        None where no model was so bad.
    """
    early = [
        row[passed]
        for result in results
        for accuracy, row in asked(result)
        if accuracy < WELL_TRAINED * best_accuracy(result)
    ]
    return statistics.fmean(early) if early else None


def under_epsilon(result: Result, epsilon: float) -> tuple[float | None, bool]:
    """How a run would look under another ε: CQ of its lowest model that passes, and its last.

    Returns:
        tuple: the lowest CQ, None where no model passes; and whether the last one does.
    """
    task, alpha = result["task"], result["config"]["alpha"]
    limit = threshold(task["num_samples"], task["num_classes"], alpha, epsilon).accuracy
    passing = [accuracy for accuracy, row in asked(result) if row["extra_accuracy"] > limit]
    lowest = min(passing) / best_accuracy(result) if passing else None
    return lowest, result["evaluations"][-1]["extra_accuracy"] > limit


class Reading(NamedTuple):
    """What one test says along a run.

    Attributes:
        first: CQ of the first model that passes; None where none does, like the next.
        lowest: CQ of the lowest.
        last_passes: whether the last model does.
    """

    first: float | None
    lowest: float | None
    last_passes: bool


def read(result: Result, passed: str) -> Reading:
    """Read a run by the test whose verdict the rows have under the name ``passed``.

    >>> rows = [
    ...     {"step": 1, "test_accuracy": 0.9, "scores_passed": True},
    ...     {"step": 2, "test_accuracy": 1.0, "scores_passed": False},
    ... ]
    >>> run = {"evaluations": rows, "summary": {"best_test_accuracy": 1.0}}
    >>> read(run, "scores_passed")
    Reading(first=0.9, lowest=0.9, last_passes=False)
    """
    best = best_accuracy(result)
    every = sorted(asked(result), key=lambda pair: pair[1]["step"])
    passing = [accuracy / best for accuracy, row in every if row[passed]]
    return Reading(
        first=passing[0] if passing else None,
        lowest=min(passing, default=None),
        last_passes=result["evaluations"][-1][passed],
    )
