"""From measured runs to ``results/theorem/``, and from there to the page that shows them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxverify import UserError
from jaxverify.files.whole import write_whole
from train.config import PLACES
from train.json_lines import Row
from train.markdown import fill_blocks, markdown_table
from train.run_folder import RunFolder
from train.theorem.drawing import PICTURES, crossing

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "theorem"
PAGE = _ROOT / "docs" / "theorem.md"
DRAWN = _ROOT / "docs" / "theorem"

_HEAD = ["epoch", "test", "extra task", "raw, eq. 2", "as many of each", "mean norms"]
_HEAD += ["coherence, original", "extra", "random labels", "similarity"]


def publish(run: Path, rows: Sequence[Row]) -> None:
    """Add a measured run to the results, without the folders in which it lay.

    Raises:
        UserError: if the run is not finished.
    """
    folder = RunFolder(run)
    if not (run / "result.json").exists():
        raise UserError(f"the run in {run} is not finished")
    about = folder.about()
    config = about["config"] | dict.fromkeys(PLACES)
    name = f"{config['dataset']}-{config['model']}-seed{config['seed']}"
    content = {**about, "config": config, "rows": list(rows)}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_whole(RESULTS / f"{name}.json", (json.dumps(content) + "\n").encode())


def redraw() -> None:
    """Write the page's tables and its pictures from the results."""
    DRAWN.mkdir(exist_ok=True)
    results = load_results()
    for name, result in results.items():
        for picture, (_, draw) in PICTURES.items():
            write_whole(DRAWN / f"{name}-{picture}.png", draw(result["rows"]))
    write_whole(PAGE, fill(PAGE.read_text(), results).encode())


def load_results() -> dict[str, dict[str, Any]]:
    """Every published run by its name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}


def fill(page: str, results: dict[str, dict[str, Any]]) -> str:
    """The page with the tables as the results have them; its prose is written by hand."""
    parts = [
        markdown_table([_SUMMARY_HEAD, *(_summary(name, one) for name, one in results.items())])
    ]
    for name, result in results.items():
        config, rows = result["config"], result["rows"]
        revisions = ", ".join(f"`{(one or 'unknown')[:8]}`" for one in result["code_revisions"])
        parts.append(
            f"### {config['model']} on {config['dataset']}\n\n"
            f"{rows[0]['clean_samples']:,} original samples and all {result['task']['num_samples']}"
            f" extra ones, seed {config['seed']}; were all gradients orthogonal and of one norm, "
            f"the raw ratio would be {rows[0]['comparison']['orthogonal_ratio']:.1f}. Data "
            f"`{result['data_fingerprint'][:8]}`, code {revisions}, "
            f"{sum(row['seconds'] for row in rows if 'seconds' in row) / 60:.0f} minutes.\n"
        )
        parts.append(markdown_table([_HEAD, *map(_line, rows)]))
        parts += [f"![{picture}](theorem/{name}-{picture}.png)\n" for picture in PICTURES]
    measured = "\n".join(parts)
    return fill_blocks(page, {"measured": f"\n{measured}\n"}.__getitem__)


_SUMMARY_HEAD = ["run", "checkpoints", "raw above 1", "raw above orthogonal"]
_SUMMARY_HEAD += ["as many of each above 1", "below 1", "coherence: original above extra", "below"]


def _summary(name: str, result: dict[str, Any]) -> Sequence[str]:
    """How often an inequality holds, before the first pass and from then on, by the intervals."""
    rows = result["rows"]
    passing = crossing(rows)
    first = len(rows) if passing is None else rows.index(passing)
    stages = (rows[:first], rows[first:])

    def count(holds: Any) -> str:
        return " + ".join(str(sum(map(holds, stage))) for stage in stages)

    def above(field: str, limit: float) -> Any:
        return lambda row: (row["comparison"][field][1] or 0) > limit

    def below(field: str, limit: float) -> Any:
        return lambda row: _infinite_if_none(row["comparison"][field][2]) < limit

    def apart(higher: str, lower: str) -> Any:
        return lambda row: row["comparison"][higher][1] > row["comparison"][lower][2]

    return [
        name,
        " + ".join(str(len(stage)) for stage in stages),
        count(above("raw_ratio", 1)),
        count(above("raw_ratio", rows[0]["comparison"]["orthogonal_ratio"])),
        count(above("matched_ratio", 1)),
        count(below("matched_ratio", 1)),
        count(apart("clean_coherence", "extra_coherence")),
        count(apart("extra_coherence", "clean_coherence")),
    ]


def _line(row: Row) -> Sequence[str]:
    found = row["comparison"]
    evaluated = "test_accuracy" in row
    passes = " passes" if row.get("passed") else ""
    return [
        f"{row['epoch']:.3g}",
        f"{row['test_accuracy']:.1%}" if evaluated else "untrained",
        f"{row['extra_accuracy']:.1%}{passes}" if evaluated else "",
        *(_estimate(found[name]) for name in ("raw_ratio", "matched_ratio", "norm_ratio")),
        *(_estimate(found[name]) for name in ("clean_coherence", "extra_coherence")),
        _estimate(row["natural_coherence"]),
        "-" if found["similarity"] is None else f"{found['similarity']:.3f}",
    ]


def _estimate(values: Sequence[float | None]) -> str:
    value, low, high = ("∞" if value is None else f"{value:.3g}" for value in values)
    return f"{value} ({low} to {high})"


def _infinite_if_none(value: float | None) -> float:
    return float("inf") if value is None else value
