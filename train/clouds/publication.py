"""From finished matrices to ``results/clouds/``, and from there to the page that shows them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from jaxverify import UserError
from jaxverify.files.whole import write_whole
from train.clouds.constructions import IMAGES, TEXT
from train.clouds.evidence import TESTS
from train.clouds.matrix import names_of_clouds
from train.clouds.pictures import draw_frontier
from train.clouds.summary import Cells, Tried, judge, rungs, tried
from train.markdown import fill_blocks, markdown_table

_ROOT = Path(__file__).parent.parent.parent
RESULTS = _ROOT / "results" / "clouds"
PAGE = _ROOT / "docs" / "clouds.md"
PICTURES = _ROOT / "docs" / "clouds"

Rows = list[Sequence[str]]


def publish(found: Path, dataset: str) -> None:
    """Copy the cells of ``dataset`` that are whole into the results.

    Raises:
        UserError: if there is none.
    """
    cells = [json.loads(path.read_text()) for path in sorted(found.glob("*.json"))]
    whole = [
        cell for cell in cells if len(cell["clouds"]) == len(names_of_clouds(cell["construction"]))
    ]
    if not whole:
        raise UserError(f"{found} holds no findings: run python -m train.clouds first")
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = json.dumps(whole, separators=(",", ":")).replace(
        '{"construction"', '\n{"construction"'
    )
    write_whole(RESULTS / f"{dataset}.json", (content + "\n").encode())


def redraw() -> None:
    """Write the page's tables and its pictures from the results."""
    PICTURES.mkdir(exist_ok=True)
    parts = []
    for path in sorted(RESULTS.glob("*.json")):
        constructions = load(path)
        write_whole(PICTURES / f"{path.stem}.png", draw_frontier(constructions))
        parts.append(render(path.stem, constructions))
    page = fill_blocks(PAGE.read_text(), {"measured": f"\n{''.join(parts)}\n"}.__getitem__)
    write_whole(PAGE, page.encode())


def load(path: Path) -> dict[str, Cells]:
    """The cells of each construction, by seed."""
    found = defaultdict(list)
    for cell in sorted(json.loads(path.read_text()), key=lambda cell: cell["seed"]):
        found[cell["construction"]].append(cell)
    return {name: found[name] for name in {**IMAGES, **TEXT} if name in found}


def render(dataset: str, constructions: dict[str, Cells]) -> str:
    """All that was found on one data set, in Markdown."""
    cells = [cell for some in constructions.values() for cell in some]
    setting = cells[0]["setting"]
    revisions = sorted({str(one)[:8] for cell in cells for one in cell["code_revisions"]})
    seconds = sum(one.get("seconds", 0) for cell in cells for one in cell["clouds"].values())
    seeds = len({cell["seed"] for cell in cells})
    parts = [
        f"## {dataset}\n\n{setting['model']}, {setting['train_samples']:,} training samples, N = "
        f"{setting['num_extra']}, {setting['epochs']:g} epochs of Adam at "
        f"{setting['learning_rate']:g}, {seeds} {'seeds' if seeds > 1 else 'seed'}. Data "
        f"`{cells[0]['data_fingerprint'][:8]}`, code {', '.join(f'`{one}`' for one in revisions)}, "
        f"{seconds / 60:.0f} minutes.\n\n### What each test is worth\n\n",
        markdown_table(_verdicts(constructions)),
        "\n### What each detector sees\n\nThe AUC, mean over the seeds; and what the extra task "
        "costs the honest model, in points of test accuracy.\n\n",
        markdown_table(_detectors(constructions)),
        f"\n![stealth against efficacy](clouds/{dataset}.png)\n",
    ]
    for name, cells in constructions.items():
        parts.append(f"\n### {name}: cloud by cloud\n\n{markdown_table(_clouds(tried(cells)))}")
        if len(cells[0]["clouds"]["full training"]["rungs"]) > 1:
            rows = _ladder(tried(cells), cells[0]["num_classes"])
            parts.append(
                f"\nRung by rung, each judged by the paper's test:\n\n{markdown_table(rows)}"
            )
    return "".join(parts) + "\n"


def _ladder(every: Iterable[Tried], num_classes: int) -> Rows:
    rows: Rows = []
    for one in every:
        if one.findings:
            steps = rungs(one, num_classes)
            if not rows:
                rows.append(["cloud", "cost", *(f"uploaded {times}x" for times, _, _ in steps)])
            seeds = len(one.findings)
            cells = (f"{accuracy:.1%}, {passing}/{seeds} pass" for _, accuracy, passing in steps)
            rows.append([one.cloud, f"{one.mean('cost'):.2f}", *cells])
    return rows


def _verdicts(constructions: dict[str, Cells]) -> Rows:
    head = ["extra samples", "test", "false accept", "false reject", "cheapest cheat", "lowest CQ"]
    rows: Rows = [head]
    for name, cells in constructions.items():
        every = list(tried(cells))
        for test in TESTS:
            found = judge(every, test)
            cheapest = "none" if found.cheapest is None else f"{found.cheapest:.0%}"
            lowest = "-" if found.lowest_quality is None else f"{found.lowest_quality:.1%}"
            accepts, rejects = (f"{k} of {n}" for k, n in found[:2])
            rows.append([name, test, accepts, rejects, cheapest, lowest])
    return rows


def _detectors(constructions: dict[str, Cells]) -> Rows:
    # A detector that came later looked at later constructions alone.
    names = list(dict.fromkeys(n for c in constructions.values() for n in c[0]["detectors"]))
    rows: Rows = [["extra samples", *names, "accuracy loss"]]
    for name, cells in constructions.items():
        means = [
            "-" if one not in cells[0]["detectors"] else f"{_mean_auc(cells, one):.3f}"
            for one in names
        ]
        rows.append([name, *means, f"{accuracy_loss(cells):+.2f}"])
    return rows


def _mean_auc(cells: Cells, detector: str) -> float:
    return sum(cell["detectors"][detector] for cell in cells) / len(cells)


def accuracy_loss(cells: Cells) -> float:
    """Points of test accuracy that full training loses by the extra task, mean over the seeds."""
    losses = [
        cell["unprotected_accuracy"] - cell["clouds"]["full training"]["test_accuracy"]
        for cell in cells
    ]
    return 100 * sum(losses) / len(losses)


def _clouds(every: Iterable[Tried]) -> Rows:
    head = ["cloud", "cost", "test", "CQ", "own data", "extra", "twins", "AUC", "own AUC"]
    rows: Rows = [[*head, *TESTS]]
    kind = None
    for one in every:
        if one.kind != kind:
            kind = one.kind
            rows.append([f"**{kind}**", *[""] * (len(rows[0]) - 1)])
        if not one.findings:
            rows.append([one.cloud, *["-"] * (len(rows[0]) - 1)])
            continue
        fields = ("test_accuracy", "quality", "train_accuracy", "extra_accuracy", "twin_accuracy")
        shares = [f"{one.mean(field):.1%}" for field in fields]
        passes = [f"{one.passes(test)}/{len(one.findings)}" for test in TESTS]
        areas = [f"{one.mean(field):.2f}" for field in ("score_auc", "membership_auc")]
        rows.append([one.cloud, f"{one.mean('cost'):.2f}", *shares, *areas, *passes])
    return rows
