"""From the studies to ``results/unlabelled/``, and from there to the page that shows them."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxverify.files.whole import write_whole
from train.markdown import fill_blocks, markdown_table

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "unlabelled"
PAGE = _ROOT / "docs" / "unlabelled.md"


def publish(study: str, found: Any) -> None:
    """Write down what a study found."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_whole(RESULTS / f"{study}.json", (json.dumps(found, indent=1) + "\n").encode())


def redraw() -> None:
    """Write the page's tables from the results."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    write_whole(PAGE, fill(PAGE.read_text(), found).encode())


def fill(page: str, found: dict[str, Any]) -> str:
    """The page with the tables as the results have them; its prose is written by hand."""

    def text_of(study: str) -> str:
        return f"\n{TABLES[study](found[study]) if study in found else 'Not run yet.'}\n"

    return fill_blocks(page, text_of)


def autoencoders(results: Sequence[dict[str, Any]]) -> str:
    """A line for each run."""
    head = ["data, network", "trained", "seed", "test explained", "error: extra", "twins", "gone"]
    rows = [[*head, "AUC (99% bounds)", "p-value", "verdict", "passes from epoch"]]
    for result in results:
        config, last, verdict = result["config"], result["evaluations"][-1], result["verdict"]
        stopped = config["stop_epoch"] is not None
        length = f"{config['stop_epoch']:g} of " if stopped else ""
        first = result["summary"]["lasting_crossing"]
        rows.append(
            [
                f"{config['dataset']}, {config['model']}",
                f"{length}{config['epochs']:g} epochs",
                str(config["seed"]),
                f"{last['test_explained']:.3f}",
                f"{last['extra_error']:.3f}",
                f"{last['twins_error']:.3f}",
                f"{last['extra_memorised']:.0%}",
                f"{verdict['auc']:.3f} [{verdict['auc_lower']:.3f}, {verdict['auc_upper']:.3f}]",
                f"{verdict['p_value']:.2g}",
                verdict["outcome"],
                "-" if first is None else f"{first['epoch']:g}",
            ]
        )
    return markdown_table(rows) + "\n" + _provenance(results)


def power(results: Sequence[dict[str, Any]]) -> str:
    """For each cell, the share of passes by the number of samples; and where each test passes."""
    cells = defaultdict(list)
    for result in results:
        config = result["config"]
        cells[f"{config['model']} on {config['dataset']}"].append(result)
    parts = []
    for name, runs in cells.items():
        tests = list(runs[0]["rows"][0]["passes"])
        num_classes = runs[0]["task"]["num_classes"]
        parts.append(f"### {name}, C = {num_classes}, {len(runs)} seeds\n")
        parts.append(markdown_table([["share of passes", *tests], *_by_size(runs, tests)]))
        whole = runs[0]["task"]["num_samples"]
        parts.append(markdown_table([[f"with N = {whole}", *tests], *_crossings(runs, tests)]))
    return "\n".join(parts) + "\n" + _provenance(results)


def _by_size(runs: Sequence[dict[str, Any]], tests: Iterable[str]) -> Iterable[list[str]]:
    """By stage of training and number of samples, the mean over checkpoints and seeds."""
    end = max(row["epoch"] for row in runs[0]["rows"])
    stages = {
        "first quarter": lambda row: row["epoch"] <= end / 4,
        "second quarter": lambda row: end / 4 < row["epoch"] <= end / 2,
        "second half": lambda row: row["epoch"] > end / 2,
    }
    for stage, holds in stages.items():
        chosen = [row for run in runs for row in run["rows"] if holds(row)]
        for size in sorted({row["size"] for row in chosen}):
            passes = [row["passes"] for row in chosen if row["size"] == size]
            shares = (np.mean([each[test] for each in passes]) for test in tests)
            yield [f"{stage}, n = {size}", *(f"{share:.0%}" for share in shares)]


def _crossings(runs: Sequence[dict[str, Any]], tests: Iterable[str]) -> Iterable[list[str]]:
    """How good the models are that pass first and lowest, over the best; and the last model."""
    last, firsts, lowest = ["last model passes"], ["first pass, CQ"], ["lowest pass, CQ"]
    for test in tests:
        passed, first, low = [], [], []
        for run in runs:
            rows = [row for row in run["rows"] if row["size"] == run["task"]["num_samples"]]
            best = max(row["test_accuracy"] for row in rows)
            passing = [row["test_accuracy"] / best for row in rows if row["passes"][test] == 1]
            passed.append(rows[-1]["passes"][test])
            first += passing[:1]
            low += [min(passing)] if passing else []
        last.append(f"{np.sum(passed):g} of {len(runs)}")
        firsts.append(_mean(first))
        lowest.append(_mean(low))
    return [last, firsts, lowest]


def _mean(shares: Sequence[float]) -> str:
    return f"{np.mean(shares):.1%}" if shares else "-"


def calibration(found: dict[str, Any]) -> str:
    """How often each kind of model passes each test."""
    from train.unlabelled.calibration import interval

    tests = list(next(iter(found["counts"].values()))["passes"])
    errors = next(
        test for each in found["counts"].values() for test in each["passes"] if test not in tests
    )
    rows = [["model", "models", *tests, errors]]
    for kind, counts in found["counts"].items():
        row = [kind, f"{counts['trials']:,}"]
        for test in (*tests, errors):
            if test not in counts["passes"]:
                row.append("")
                continue
            low, high = interval(counts["passes"][test], counts["trials"])
            share = counts["passes"][test] / counts["trials"]
            row.append(f"{share:.2%} [{low:.2%}, {high:.2%}]")
        rows.append(row)
    return markdown_table(rows) + "\n" + _provenance([found])


def _provenance(results: Sequence[dict[str, Any]]) -> str:
    revisions = sorted({(r or "unknown")[:8] for each in results for r in each["code_revisions"]})
    data = sorted({each["data_fingerprint"][:8] for each in results})
    seconds = sum(each["seconds"] / each.get("seeds_side_by_side", 1) for each in results)
    return (
        f"Code {', '.join(f'`{one}`' for one in revisions)}, data "
        f"{', '.join(f'`{one}`' for one in data)}, {seconds / 60:.0f} minutes.\n"
    )


TABLES: dict[str, Callable[[Any], str]] = {
    "autoencoders": autoencoders,
    "power": power,
    "calibration": calibration,
}
