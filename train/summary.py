"""What a finished run says of the method: critical training quality and its relatives."""

from collections.abc import Sequence
from typing import Any

_POINT = ("step", "epoch", "test_accuracy", "extra_accuracy")


def summarise(
    rows: Sequence[dict[str, Any]], probes: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The figures of a run from its evaluations, in time order.

    Critical training quality (eq. 6) is ``CQ = acc_t / acc_max`` with acc_max the best test
    accuracy of the run. acc_t is read four times, since the crossing need not be monotone:

    - ``first_crossing``: at the first evaluation that passes, as the paper does;
    - ``first_whole_epoch``: likewise, but after whole epochs alone;
    - ``lasting_crossing``: at the first evaluation from which on all pass, the probes too;
    - ``lowest_passing``: the lowest test accuracy of *all* evaluations that pass, the one that a
      customer can rely on.

    Args:
        rows: each with step, epoch, test_accuracy and, with an extra task, passed and
            extra_accuracy; at least one.
        probes: what was found of the extra task between them: step and passed.

    Guarantee: the lowest is the least of the four; none is read where no evaluation passes.

    >>> rows = [
    ...     {"step": 1, "epoch": 1, "test_accuracy": 0.6, "extra_accuracy": 0.1, "passed": False},
    ...     {"step": 2, "epoch": 2, "test_accuracy": 0.8, "extra_accuracy": 0.5, "passed": True},
    ... ]
    >>> summarise(rows)["cq_first_crossing"]
    1.0
    """
    best = max(row["test_accuracy"] for row in rows)
    summary = {
        "epochs": rows[-1]["epoch"],
        "final_test_accuracy": rows[-1]["test_accuracy"],
        "final_train_accuracy": rows[-1].get("train_accuracy"),
        "best_test_accuracy": best,
    }
    if "passed" not in rows[0]:
        return summary
    passing = [row for row in rows if row["passed"]]
    whole = [row for row in passing if float(row["epoch"]).is_integer()]
    failing = max((row["step"] for row in (*rows, *probes) if not row["passed"]), default=-1)
    lasting = [row for row in passing if row["step"] > failing]
    summary |= {
        "final_extra_accuracy": rows[-1]["extra_accuracy"],
        "final_passed": rows[-1]["passed"],
    }
    points = {
        "first_crossing": passing[0] if passing else None,
        "first_whole_epoch": whole[0] if whole else None,
        "lasting_crossing": lasting[0] if lasting else None,
        "lowest_passing": min(passing, key=_test_accuracy) if passing else None,
    }
    for name, row in points.items():
        summary[name] = row and {field: row[field] for field in _POINT}
        summary[f"cq_{name}"] = row and row["test_accuracy"] / best
    return summary


def _test_accuracy(row: dict[str, Any]) -> float:
    return row["test_accuracy"]
