"""From the runs in ``results/doses/`` to the tables of ``docs/rehearsal.md``."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole
from jaxverify.stats import memorised_bounds, memorised_share
from train.markdown import fill_blocks, markdown_table

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "doses"
PAGE = _ROOT / "docs" / "rehearsal.md"
QUALITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)  # of the best test accuracy of the run
_NUM_CLASSES = 10
Run = dict[str, Any]


def publish() -> None:
    """Write the page's tables from the results."""
    write_whole(PAGE, fill(PAGE.read_text(), load_runs()).encode())


def load_runs() -> dict[str, list[Run]]:
    """The runs of each augmentation, in the order of their seeds."""
    runs = defaultdict(list)
    for path in sorted(RESULTS.glob("*-seed*.json")):
        content = json.loads(path.read_text())
        runs[content["config"]["augment"]].append(content)
    return dict(runs)


def fill(page: str, runs: dict[str, list[Run]]) -> str:
    """The page with the tables as the results have them; its prose is written by hand."""
    return fill_blocks(page, lambda name: f"\n{_curves(runs.get(name, []))}\n")


def first_at(rows: list[dict[str, Any]], quality: float) -> dict[str, Any]:
    """The first evaluation at which a run has reached a share of its best test accuracy.

    >>> first_at([{"test_accuracy": 0.5}, {"test_accuracy": 0.9}, {"test_accuracy": 0.8}], 0.85)
    {'test_accuracy': 0.9}
    """
    best = max(row["test_accuracy"] for row in rows)
    return next(row for row in rows if row["test_accuracy"] >= quality * best)


def _curves(runs: list[Run]) -> str:
    if not runs:
        return "Not run yet.\n"
    head = ["construction", "dose", *(f"at {quality:.0%}" for quality in QUALITIES), "at the end"]
    rows = [head]
    for name in runs[0]["rows"][0]["doses"]:
        for dose in runs[0]["rows"][0]["doses"][name]["right"]:
            cells = []
            for quality in (*QUALITIES, None):
                chosen = [
                    run["rows"][-1] if quality is None else first_at(run["rows"], quality)
                    for run in runs
                ]
                counts = [row["doses"][name]["right"][dose] for row in chosen]
                cells.append(_share(sum(k for k, _ in counts), sum(n for _, n in counts)))
            rows.append([name, dose, *cells])
    tests = [run["rows"][-1]["test_accuracy"] for run in runs]
    trains = [run["rows"][-1]["train_accuracy"] for run in runs]
    origin = ", ".join(sorted({f"`{(run['code_revision'] or 'unknown')[:8]}`" for run in runs}))
    return (
        f"{markdown_table(rows)}\n{len(runs)} seed{'s' * (len(runs) > 1)}, code {origin}, "
        f"{sum(run['seconds'] for run in runs) / 60:.0f} minutes. Test accuracy at the end "
        f"{min(tests):.1%} to {max(tests):.1%}, training accuracy {min(trains):.1%} to "
        f"{max(trains):.1%}; {runs[0]['extra_rows']:,} rows were added to "
        f"{runs[0]['config']['train_samples']:,}.\n"
    )


def _share(right: int, asked: int) -> str:
    """The share that is known, the others guessed, with its 95% interval."""
    lower, upper = memorised_bounds(right, asked, _NUM_CLASSES, 0.975)
    share = memorised_share(right, asked, _NUM_CLASSES)
    low, middle, high = (max(0.0, float(x)) for x in (lower, share, upper))
    return f"{middle:.0%} ({low:.0%}, {high:.0%})"
