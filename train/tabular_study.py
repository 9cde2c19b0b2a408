"""What an extra task costs, and tells, on a small table of two classes.

python -m train.tabular_study

trains the mlp on the breast cancer data with several numbers of extra samples, to be compared on a
validation split; then with the number of the recipe, to be tested, to the end and stopped early,
and without. Runs that are there are not trained again. What was found goes to
``results/tabular/``, and from there to the tables of ``docs/tabular.md``.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from jaxverify import stats
from jaxverify.exit_status import exit_status
from jaxverify.files.whole import write_whole
from train.config import PLACES, Config, load_config
from train.markdown import fill_blocks, markdown_table
from train.memory import keep_freed_memory

_ROOT = Path(__file__).parent.parent
RESULTS = _ROOT / "results" / "tabular"
PAGE = _ROOT / "docs" / "tabular.md"

SEEDS = 3
_HELD_OUT = {"validation_split": 0.2}
ARMS: dict[str, dict[str, Any]] = {
    "validation-baseline": _HELD_OUT,
    **{
        f"validation-eta{eta}": {**_HELD_OUT, "extra": True, "eta": eta}
        for eta in (0.125, 0.25, 0.5)
    },
    "test-baseline": {},
    "test-extra": {"extra": True},
    "test-stopped": {"extra": True, "stop_epoch": 2},
}
_VALIDATION = [arm for arm in ARMS if arm.startswith("validation")]
_TESTED = [arm for arm in ARMS if arm.startswith("test")]
_NOT_RUN = "Not run yet.\n"
Results = Mapping[str, Sequence[dict[str, Any]]]


def config_of(arm: str, workdir: Path) -> Config:
    """The runs of an arm, of all seeds side by side."""
    recipe = load_config("breast_cancer", "mlp")
    return replace(recipe, **ARMS[arm], seeds=SEEDS, workdir=workdir / arm, resume=True)


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, train what is missing, publish; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m train.tabular_study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workdir", type=Path, default=Path("runs/tabular"))
    options = parser.parse_args(args)
    return exit_status(lambda: _work(options.workdir, Console()))


def _work(workdir: Path, console: Console) -> int:
    keep_freed_memory()
    from train.loop import train  # JAX starts here

    RESULTS.mkdir(parents=True, exist_ok=True)
    for arm in ARMS:
        config = config_of(arm, workdir)
        paths = [run.run_folder / "result.json" for run in config.each_seed()]
        if not all(path.exists() for path in paths):
            console.rule(arm)
            train(config, console)
        for seed, path in enumerate(paths, config.seed):
            result = json.loads(path.read_text())
            result["config"] |= dict.fromkeys(PLACES)
            content = json.dumps({"arm": arm, **result}, indent=1) + "\n"
            write_whole(RESULTS / f"{arm}-seed{seed}.json", content.encode())
    write_whole(PAGE, fill(PAGE.read_text(), load_results()).encode())
    return 0


def load_results() -> Results:
    """The published runs of each arm, in the order of the seeds."""
    return {
        arm: [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{arm}-seed*.json"))]
        for arm in ARMS
    }


def fill(page: str, results: Results) -> str:
    """The page with the tables as the results have them; its prose is written by hand."""

    def text_of(name: str) -> str:
        arms, make = TABLES[name]
        there = all(results[arm] for arm in arms)
        return f"\n{make(results) if there else _NOT_RUN}\n"

    return fill_blocks(page, text_of)


def plan(results: Results) -> str:
    """How many extra samples a model needs that has memorised a share of them."""
    size = results["validation-baseline"][0]["train_samples"]
    rows = [["memorised share", "N for 90% power", f"of {size} training rows"]]
    for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        number = stats.required_num_samples(share, 2)
        rows.append([f"{share:.0%}", f"{number:,}", f"{number / size:.0%}"])
    return markdown_table(rows)


def validation(results: Results) -> str:
    """A line for each number of extra samples: means over the seeds."""
    head = ["extra samples N", "share of the data", "share detected", "validation accuracy"]
    rows = [
        [*head, "change", "extra task", "last model passes", "first passes after epochs (accuracy)"]
    ]
    baseline = results["validation-baseline"]
    for arm in _VALIDATION:
        runs = results[arm]
        accuracy = _spread([_last(run, "test_accuracy") for run in runs])
        if arm == "validation-baseline":
            rows.append(["0", "0%", "-", accuracy, "-", "-", "-", "-"])
            continue
        number = runs[0]["task"]["num_samples"]
        changes = [
            100 * (_last(run, "test_accuracy") - _last(without, "test_accuracy"))
            for run, without in zip(runs, baseline, strict=True)
        ]
        first = [run["summary"]["first_crossing"] for run in runs]
        rows.append(
            [
                str(number),
                f"{number / (runs[0]['train_samples'] - number):.1%}",
                f"{stats.detectable_share(number, 2):.0%}",
                accuracy,
                f"{np.mean(changes):+.1f} points ({', '.join(f'{x:+.1f}' for x in changes)})",
                _spread([_last(run, "extra_accuracy") for run in runs]),
                f"{sum(run['verdict']['passed'] for run in runs)} of {len(runs)}",
                ", ".join(map(_point, first)),
            ]
        )
    return markdown_table(rows) + "\n" + _provenance(results, "validation")


def tested(results: Results) -> str:
    """A line for each run that was tested."""
    head = ["cloud", "seed", "epochs", "test accuracy", "best on the way", "extra task"]
    rows = [[*head, "T", "p-value", "memorised", "verdict"]]
    names = {"baseline": "no extra task", "extra": "honest", "stopped": "stops early"}
    for arm, name in names.items():
        for run in results[f"test-{arm}"]:
            row = [
                name,
                str(run["config"]["seed"]),
                f"{run['evaluations'][-1]['epoch']:g}",
                f"{_last(run, 'test_accuracy'):.1%}",
                f"{run['summary']['best_test_accuracy']:.1%}",
            ]
            verdict = run.get("verdict")
            if verdict is None:
                row += ["-"] * 5
            else:
                row += [
                    f"{verdict['num_correct']} of {run['task']['num_samples']}",
                    f"{verdict['threshold']:.1%}",
                    f"{verdict['p_value']:.2g}",
                    f"{verdict['memorised_share']:.0%}",
                    verdict["outcome"],
                ]
            rows.append(row)
    changes = [
        100 * (_last(run, "test_accuracy") - _last(without, "test_accuracy"))
        for run, without in zip(results["test-extra"], results["test-baseline"], strict=True)
    ]
    size = results["test-extra"][0]["test_samples"]
    return (
        markdown_table(rows)
        + "\nWith the extra task the test accuracy of the last model changes by "
        + f"{', '.join(f'{x:+.1f}' for x in changes)} points, seed by seed; a row of the {size} "
        + f"test rows is {100 / size:.1f}.\n\n"
        + _provenance(results, "test")
    )


def _point(point: dict[str, Any] | None) -> str:
    return "-" if point is None else f"{point['epoch']:g} ({point['test_accuracy']:.1%})"


def _last(run: dict[str, Any], field: str) -> float:
    return run["evaluations"][-1][field]


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1%} ({', '.join(f'{value:.1%}' for value in values)})"


def _provenance(results: Results, part: str) -> str:
    runs = [run for arm, runs in results.items() if arm.startswith(part) for run in runs]
    revisions = sorted({_short(r) for run in runs for r in run["code_revisions"]})
    data = sorted({run["data_fingerprint"][:8] for run in runs})
    seconds = sum(run["seconds"] / run["seeds_side_by_side"] for run in runs)
    return (
        f"Code {', '.join(f'`{one}`' for one in revisions)}, data "
        f"{', '.join(f'`{one}`' for one in data)}, {seconds / 60:.0f} minutes.\n"
    )


def _short(revision: str | None) -> str:
    """A commit's first digits, with "+" where the code was changed since."""
    return "unknown" if revision is None else revision[:8] + "+" * revision.endswith("+")


TABLES: dict[str, tuple[Sequence[str], Callable[[Results], str]]] = {
    "plan": (_VALIDATION, plan),
    "validation": (_VALIDATION, validation),
    "tested": (_TESTED, tested),
}


if __name__ == "__main__":
    raise SystemExit(main())
