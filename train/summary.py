"""What a finished run says of the method: critical training quality and its relatives."""

from typing import Any


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a run from its evaluations, in time order.

    Critical training quality (eq. 6) is ``CQ = acc_t / acc_max`` with acc_max the best test
    accuracy of the run. acc_t is read twice: at the first evaluation that passes, as the paper
    does, and as the lowest test accuracy of *all* evaluations that pass, which is the one that a
    customer can rely on, since the crossing need not be monotone.

    Args:
        rows: each with step, epoch, test_accuracy and, with an extra task, passed and
            extra_accuracy; at least one.

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
    first = passing[0] if passing else None
    lowest = min(passing, key=lambda row: row["test_accuracy"]) if passing else None
    return summary | {
        "final_extra_accuracy": rows[-1]["extra_accuracy"],
        "final_passed": rows[-1]["passed"],
        "first_crossing": _point(first),
        "cq_first_crossing": first and first["test_accuracy"] / best,
        "lowest_passing": _point(lowest),
        "cq_lowest_passing": lowest and lowest["test_accuracy"] / best,
    }


def _point(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return row and {k: row[k] for k in ("step", "epoch", "test_accuracy", "extra_accuracy")}
