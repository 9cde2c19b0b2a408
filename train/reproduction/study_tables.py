"""What the studies found, as tables."""

import statistics
from collections.abc import Iterable, Sequence

from jaxverify.stats import threshold
from train.reproduction import measures
from train.reproduction.arms import CELLS, STANDARD, Arm, Cell
from train.reproduction.formatting import READINGS, cq, mean, name_of, number, readings, share
from train.reproduction.studies import Study
from train.reproduction.tables import Results, Rows, losses

_EPSILONS = (0.0, 0.03, 0.1, 0.2, 0.3)


def study(about: Study, results: Results, cells: Sequence[Cell] = CELLS) -> Rows:
    """What a study found in some cells."""
    pairs = [pair for pair in about.runs if pair[0] in cells]
    make = {"recipe": by_recipe, "test": by_test, "seeds": by_seed}[about.table]
    return make(results, pairs)


def by_recipe(results: Results, runs: Iterable[tuple[Cell, Arm]]) -> Rows:
    """What became of CQ under each recipe."""
    head = ["cell", "recipe", "N", "last train", "best test", "CQ", *READINGS]
    rows = [[*head, "false reject", "false accept", "seeds"]]
    for cell, arm in runs:
        found = results.get((cell, arm), ())
        if not found:
            continue
        trained = [100 * result["summary"]["final_train_accuracy"] for result in found]
        best = [100 * measures.best_accuracy(result) for result in found]
        rows.append(
            [
                name_of(cell),
                _recipe(arm),
                str(found[0]["task"]["num_samples"]),
                *map(mean, (trained, best, cq(found, "cq_first_crossing"))),
                *readings(found),
                share(measures.false_reject(found)),
                share(measures.false_accept(found)),
                str(len(found)),
            ]
        )
    return rows


def by_epsilon(results: Results, pairs: Iterable[tuple[Cell, Arm]]) -> Rows:
    """The lowest CQ of all models that pass, and how many runs fail at their end, by ε."""
    rows = [["cell", "recipe", "ε", "T", "CQ lowest", "false reject", "seeds"]]
    for cell, arm in pairs:
        found = results.get((cell, arm), ())
        for epsilon in _EPSILONS if found else ():
            task, alpha = found[0]["task"], found[0]["config"]["alpha"]
            limit = threshold(task["num_samples"], task["num_classes"], alpha, epsilon)
            under = [measures.under_epsilon(result, epsilon) for result in found]
            lowest = [100 * cq for cq, _ in under if cq is not None]
            rejected = sum(not passed for _, passed in under) / len(found)
            row = [name_of(cell), _recipe(arm), f"{epsilon:.0%}", f"{limit.accuracy:.2%}"]
            rows.append([*row, mean(lowest), share(rejected), str(len(found))])
    return rows


_TESTS = {
    "answers (binomial)": "passed",
    "scores (rank)": "scores_passed",
    "scores (rank), logits times 1,000": "sharpened_passed",
    "the odds alone, logits times 1,000": "sharpened_odds_passed",
}


def by_test(results: Results, pairs: Iterable[tuple[Cell, Arm]]) -> Rows:
    """What the tests of answers and of scores say along the same runs, of those that have both."""
    rows = [["cell", "test", "CQ first", "CQ lowest", "false reject", "false accept", "seeds"]]
    for cell, arm in pairs:
        found = results.get((cell, arm), ())
        for name, passed in _TESTS.items() if found else ():
            readings = [measures.read(result, passed) for result in found]
            first = [100 * each.first for each in readings if each.first is not None]
            lowest = [100 * each.lowest for each in readings if each.lowest is not None]
            rejected = sum(not each.last_passes for each in readings) / len(readings)
            accepted = measures.false_accept(found, passed)
            row = [name_of(cell), name, mean(first), mean(lowest)]
            rows.append([*row, share(rejected), share(accepted), str(len(found))])
    return rows


def by_seed(results: Results, runs: Iterable[tuple[Cell, Arm]]) -> Rows:
    """What each seed reached and, against the baseline of the same seed, lost."""
    rows = [["cell", "added", "seeds", "best test", "standard deviation", "performance loss"]]
    for cell, arm in runs:
        found = results.get((cell, arm), ())
        if not found:
            continue
        best = [100 * measures.best_accuracy(result) for result in found]
        spread = number(statistics.stdev(best) if len(best) > 1 else None)
        lost = losses(results, cell, arm) if arm.construction != "none" else []
        seeds = ", ".join(str(result["config"]["seed"]) for result in found)
        each = [", ".join(map(number, values)) for values in (best, lost)]
        rows.append([name_of(cell), str(arm), seeds, each[0], spread, each[1]])
    return rows


def _recipe(arm: Arm) -> str:
    """What was changed, in words."""
    changes = [f"{field} {value}" for field, value in arm.changes]
    if arm.eta != STANDARD.eta:
        changes.append(f"eta {arm.eta:g}")
    return ", ".join(changes) or "the paper's"
