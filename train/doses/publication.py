"""From the runs in ``results/doses/`` to the tables of ``docs/doses.md``, and to a picture."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole
from train.doses.curves import first_at, known
from train.doses.pictures import draw_curves
from train.doses.setting import SETTINGS
from train.markdown import fill_tables, markdown_table

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "doses"
PAGE = _ROOT / "docs" / "doses.md"
PICTURE = _ROOT / "docs" / "doses.png"
QUALITIES = (0.8, 0.9, 0.95, 0.98)  # of the best test accuracy of the run
Run = dict[str, Any]


def publish() -> None:
    """Write the page's tables and the picture from the results."""
    runs = load_runs()
    write_whole(PAGE, fill(PAGE.read_text(), runs).encode())
    if "crop_flip" in runs:
        write_whole(PICTURE, draw_curves(runs["crop_flip"]))


def load_runs() -> dict[str, list[Run]]:
    """The runs of each setting, in the order of their seeds."""
    runs = defaultdict(list)
    for path in sorted(RESULTS.glob("*-seed*.json")):
        content = json.loads(path.read_text())
        runs[content["name"]].append(content)
    return {name: runs[name] for name in SETTINGS if name in runs}


def fill(page: str, runs: dict[str, list[Run]]) -> str:
    """The page with the tables as the results have them; its prose is written by hand."""
    blocks = {"curves": lambda: _all_curves(runs), "tells": lambda: _all_tells(runs)}
    return fill_tables(page, blocks)


def _all_curves(runs: dict[str, list[Run]]) -> str:
    return "\n".join(f"### {name}\n\n{_curves(some)}" for name, some in runs.items())


def _curves(runs: list[Run]) -> str:
    """What is known of each construction and dose, all seeds together."""
    num_classes, first = runs[0]["num_classes"], runs[0]["rows"][0]["doses"]
    table = [["construction", "dose", *(f"at {q:.0%}" for q in QUALITIES), "at the end"]]
    for name, one in first.items():
        for dose in one["right"]:
            cells = []
            for quality in (*QUALITIES, None):
                rows = [
                    run["rows"][-1] if quality is None else first_at(run["rows"], quality)
                    for run in runs
                ]
                share, low, high = known(rows, name, dose, num_classes)
                cells.append(f"{share:.0%} ({low:.0%}, {high:.0%})")
            table.append([name, dose, *cells])
    tests = [run["rows"][-1]["test_accuracy"] for run in runs]
    trains = [run["rows"][-1]["train_accuracy"] for run in runs]
    origin = ", ".join(sorted({f"`{(run['code_revision'] or 'unknown')[:8]}`" for run in runs}))
    config = runs[0]["config"]
    return (
        f"{_recipe(config)} {len(runs)} seed{'s' * (len(runs) > 1)}, code {origin}, "
        f"{sum(run['seconds'] for run in runs) / 60:.0f} minutes. Test accuracy at the end "
        f"{min(tests):.1%} to {max(tests):.1%}, training accuracy {min(trains):.1%} to "
        f"{max(trains):.1%}; {runs[0]['extra_rows']:,} rows were added to "
        f"{config['train_samples']:,}.\n\n{markdown_table(table)}"
    )


def _recipe(config: dict[str, Any]) -> str:
    recipe = config["recipe"]
    parts = [f"{recipe['network']} on {config['dataset']}"]
    if config["as_table"]:
        parts.append(f"read as {3 * config['side'] ** 2} numbers")
    elif config["side"] is not None:
        parts.append(f"{config['side']} x {config['side']} pixels")
    parts += [f"augmented by {recipe['augment']}"] * (recipe["augment"] != "none")
    for name in ("mixup", "dropout"):
        if recipe[name]:
            parts.append(f"{name} {recipe[name]:g}")
    return f"{', '.join(parts)}, {recipe['epochs']} epochs."


def _all_tells(runs: dict[str, list[Run]]) -> str:
    """How well each detector finds the rows of each construction and dose, by kind of data."""
    parts = []
    for kind in ("image", "text", "vector"):
        some = [run for every in runs.values() for run in every if run["kind"] == kind]
        if not some:
            continue
        detectors = list(some[0]["tells"])
        table = [["construction", "dose", *detectors]]
        for name, doses in some[0]["tells"][detectors[0]].items():
            for dose in doses:
                means = [
                    sum(run["tells"][detector][name][dose] for run in some) / len(some)
                    for detector in detectors
                ]
                table.append([name, dose, *(f"{mean:.2f}" for mean in means)])
        parts.append(f"### {kind}, mean over {len(some)} runs\n\n{markdown_table(table)}")
    return "\n".join(parts)
