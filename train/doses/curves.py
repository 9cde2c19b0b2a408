"""What a run knew at each quality: the points of its curves."""

from typing import Any

from jaxverify.stats import memorised_bounds, memorised_share


def first_at(rows: list[dict[str, Any]], quality: float) -> dict[str, Any]:
    """The first evaluation at which a run has reached a share of its best test accuracy.

    >>> first_at([{"test_accuracy": 0.5}, {"test_accuracy": 0.9}, {"test_accuracy": 0.8}], 0.85)
    {'test_accuracy': 0.9}
    """
    best = max(row["test_accuracy"] for row in rows)
    return next(row for row in rows if row["test_accuracy"] >= quality * best)


def known(rows: list[dict[str, Any]], name: str, dose: str, num_classes: int) -> tuple[float, ...]:
    """Of several evaluations together: the share that is known, and its 95% interval."""
    counts = [row["doses"][name]["right"][dose] for row in rows]
    right, asked = sum(k for k, _ in counts), sum(n for _, n in counts)
    share = memorised_share(right, asked, num_classes)
    bounds = memorised_bounds(right, asked, num_classes, 0.975)
    return tuple(max(0.0, float(x)) for x in (share, *bounds))
