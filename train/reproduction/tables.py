"""The paper's tables and figures from the runs that are finished, beside the paper's numbers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from train.reproduction import measures
from train.reproduction.arms import (
    BASELINE,
    BY_ETA,
    BY_FIXED_RATIO,
    FIFTH_BY_ETA,
    FIFTH_CELL,
    FIFTH_NATURAL_BY_ETA,
    NATURAL_BY_ETA,
    STANDARD,
    Arm,
    Artefact,
    Cell,
)
from train.reproduction.formatting import READINGS, beside, cq, mean, name_of, readings, share
from train.reproduction.measures import Result

_PAPER = json.loads((Path(__file__).parent.parent / "paper_tables.json").read_text())
_REQUIRED = (0.6, 0.7, 0.8, 0.9)

Results = Mapping[tuple[Cell, Arm], Sequence[Result]]  # one result a seed
Rows = list[list[str]]


def table1(results: Results, cells: Sequence[Cell]) -> Rows:
    """Test accuracy without the extra task."""
    rows = [["cell", "parameters", "test accuracy", "paper", "difference", "seeds"]]
    for cell in cells:
        paper = _paper("table1", cell)
        best = [
            100 * measures.best_accuracy(result) for result in results.get((cell, BASELINE), ())
        ]
        rows.append([name_of(cell), f"{paper[2]:.2f}M", *beside(best, paper[3])])
    return rows


def table2(results: Results, cells: Sequence[Cell]) -> Rows:
    """CQ of the method, and of rules that ask for a test accuracy."""
    head = ["cell", "rule", "CQ", "paper", "difference", "seeds"]
    rows = [[*head, *READINGS, "false reject", "false accept"]]
    for cell in cells:
        found, paper = results.get((cell, STANDARD), ()), _paper("table2_cq_percent", cell)
        row = [name_of(cell), "ours", *beside(cq(found, "cq_first_crossing"), paper[0])]
        row += readings(found)
        rows.append(
            [*row, share(measures.false_reject(found)), share(measures.false_accept(found))]
        )
        best = [measures.best_accuracy(result) for result in found]
        for required, theirs in zip(_REQUIRED, paper[1:], strict=True):
            ours = [measures.accuracy_baseline(accuracy, required) for accuracy in best]
            accepted = [100 * cq for cq in ours if cq is not None]
            row = [name_of(cell), f"Acc-{100 * required:.0f}", *beside(accepted, theirs)]
            rejected = share((len(ours) - len(accepted)) / len(ours) if ours else None)
            rows.append([*row, *[""] * len(READINGS), rejected, ""])
    return rows


def table3(results: Results, cells: Sequence[Cell]) -> Rows:
    """Performance loss, in points of test accuracy."""
    rows = [["cell", "performance loss", "paper", "difference", "seeds"]]
    for cell in cells:
        paper = _paper("table3_performance_loss_percent", cell)
        rows.append([name_of(cell), *beside(losses(results, cell, STANDARD), paper)])
    return rows


def table4(results: Results, cells: Sequence[Cell]) -> Rows:
    """CQ by η."""
    return _by_arm(results, cells, BY_ETA, "η", "table4_cq_percent_by_eta")


def table5(results: Results, cells: Sequence[Cell]) -> Rows:
    """CQ by s."""
    return _by_arm(results, cells, BY_FIXED_RATIO, "s", "table5_cq_percent_by_s")


def figure3(results: Results, cells: Sequence[Cell]) -> Rows:
    """Performance loss by η and by s; of the paper there is only a picture."""
    return _losses_by_arm(results, cells, (*BY_ETA, *BY_FIXED_RATIO))


def figure4(results: Results, cells: Sequence[Cell]) -> Rows:
    """Performance loss by η of the extra task and of test samples with random labels."""
    rows = _losses_by_arm(results, cells, (*BY_ETA, *NATURAL_BY_ETA))
    fifth = [FIFTH_CELL] if FIFTH_CELL in cells else []
    return rows + _losses_by_arm(results, fifth, (*FIFTH_BY_ETA, *FIFTH_NATURAL_BY_ETA))[1:]


ARTEFACTS: dict[Artefact, Callable[[Results, Sequence[Cell]], Rows]] = {
    **{("table", i + 1): f for i, f in enumerate((table1, table2, table3, table4, table5))},
    ("figure", 3): figure3,
    ("figure", 4): figure4,
}


def _by_arm(
    results: Results, cells: Sequence[Cell], arms: Sequence[Arm], symbol: str, table: str
) -> Rows:
    rows = [["cell", symbol, "CQ", "paper", "difference", "seeds", *READINGS]]
    for cell in cells:
        for arm, paper in zip(arms, _paper(table, cell), strict=True):
            found = results.get((cell, arm), ())
            value = f"{100 * arm.eta:g}%" if symbol == "η" else f"{arm.fixed_ratio:g}"
            ours = beside(cq(found, "cq_first_crossing"), paper)
            rows.append([name_of(cell), value, *ours, *readings(found)])
    return rows


def _losses_by_arm(results: Results, cells: Sequence[Cell], arms: Sequence[Arm]) -> Rows:
    rows = [["cell", "added", "performance loss", "seeds"]]
    for cell in cells:
        for arm in dict.fromkeys(arms):
            found = losses(results, cell, arm)
            rows.append([name_of(cell), str(arm), mean(found), str(len(found))])
    return rows


def _paper(table: str, cell: Cell) -> Any:
    return _PAPER[table][cell[0]][cell[1]]


def losses(results: Results, cell: Cell, arm: Arm) -> list[float]:
    """Performance losses in points, of the seeds that have both runs by the arm's recipe."""
    baseline = results.get((cell, replace(BASELINE, changes=arm.changes)), ())
    baselines = {result["config"]["seed"]: result for result in baseline}
    pairs = (
        (baselines[seed], result)
        for result in results.get((cell, arm), ())
        if (seed := result["config"]["seed"]) in baselines
    )
    return [100 * measures.performance_loss(*pair) for pair in pairs]
