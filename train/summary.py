"""What a finished run says of the method: critical training quality and its relatives."""

from collections.abc import Sequence
from typing import Any

# What says how good a model is, and beside it what says how much it knows of the extra task.
QUALITIES = {"test_accuracy": "extra_accuracy", "test_explained": "extra_auc"}


def quality_name(row: dict[str, Any]) -> str:
    """Which measurement of an evaluation says how good the model is: the higher, the better."""
    return next(name for name in QUALITIES if name in row)


def quality(row: dict[str, Any]) -> float:
    """How good the model was at an evaluation.

    >>> quality({"test_loss": 0.1, "test_explained": 0.9})
    0.9
    """
    return row[quality_name(row)]


def summarise(
    rows: Sequence[dict[str, Any]], probes: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The figures of a run from its evaluations, in time order.

    Critical training quality (eq. 6) is ``CQ = acc_t / acc_max`` with acc_max the best test
    accuracy of the run. acc_t is read four times, since the crossing need not be monotone:

    - ``first_crossing``: at the first evaluation that passes, as the paper does;
    - ``first_whole_epoch``: the same, but after whole epochs alone;
    - ``lasting_crossing``: at the first evaluation from which on all pass, the probes too;
    - ``lowest_passing``: the lowest test accuracy of *all* evaluations that pass, the one that a
      customer can rely on.

    Of an autoencoder the share of the test set's variance that it explains stands for the test
    accuracy, and the AUC of the extra task for the accuracy on it.

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
    name = quality_name(rows[0])
    known = QUALITIES[name]
    best = max(map(quality, rows))
    summary = {
        "epochs": rows[-1]["epoch"],
        f"final_{name}": rows[-1][name],
        "final_train_accuracy": rows[-1].get("train_accuracy"),
        f"best_{name}": best,
    }
    if "passed" not in rows[0]:
        return summary
    passing = [row for row in rows if row["passed"]]
    whole = [row for row in passing if float(row["epoch"]).is_integer()]
    failing = max((row["step"] for row in (*rows, *probes) if not row["passed"]), default=-1)
    lasting = [row for row in passing if row["step"] > failing]
    summary |= {
        f"final_{known}": rows[-1][known],
        "final_passed": rows[-1]["passed"],
    }
    points = {
        "first_crossing": passing[0] if passing else None,
        "first_whole_epoch": whole[0] if whole else None,
        "lasting_crossing": lasting[0] if lasting else None,
        "lowest_passing": min(passing, key=quality) if passing else None,
    }
    for point, row in points.items():
        summary[point] = row and {field: row[field] for field in ("step", "epoch", name, known)}
        summary[f"cq_{point}"] = row and quality(row) / best
    return summary
