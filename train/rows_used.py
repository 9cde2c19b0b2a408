"""Does a verdict tell how many rows a cloud used? Clouds that leave rows out, and what it says.

python -m train.rows_used

Trains a network on a protected data set of which a cloud leaves a part out at random, to the end,
and compares the bounds of ``jaxverify.stats.rows_used`` with the truth. What was found goes to
``results/rows_used/``, and from there to the table of ``docs/rehearsal.md``.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import track

from jaxverify import ExtraTask, Samples, keys, mix
from jaxverify.data import load
from jaxverify.exit_status import exit_status
from jaxverify.files.whole import write_whole
from jaxverify.stats import memorised_bounds
from jaxverify.stats.usage import rows_used
from jaxverify.task.doses import Doses, copies, doses_of
from jaxverify.task.generation import generate
from jaxverify.training.batches import take
from jaxverify.training.loop import train_iter
from jaxverify.training.recipe import Recipe
from train.markdown import fill_blocks, markdown_table
from train.memory import keep_freed_memory
from train.provenance import code_revision, machine, versions

_ROOT = Path(__file__).parent.parent
RESULTS = _ROOT / "results" / "rows_used" / "digits.json"
PAGE = _ROOT / "docs" / "rehearsal.md"
USED = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
DOSES = {"1": Doses((1,)), "0, 1": Doses((0, 1)), "0, 4": Doses((0, 4))}
NUM_SAMPLES, AT_HOME = 200, 3
RECIPE = Recipe(network="digits_cnn", epochs=20, batch_size=64, learning_rate=2e-3)


def main(args: Sequence[str] | None = None) -> int:
    """Train what is missing, and redraw the table."""
    parser = argparse.ArgumentParser(
        prog="python -m train.rows_used",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=6, help="of each share (%(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where all is kept")
    options = parser.parse_args(args)
    return exit_status(lambda: _work(options), goes_on="run it again")


def _work(options: argparse.Namespace) -> int:
    keep_freed_memory()
    rows, started = [], time.monotonic()
    wanted = [(name, seed) for name in DOSES for seed in range(options.seeds)]
    for name, seed in track(wanted, "clouds", console=Console(stderr=True), transient=True):
        rows += clouds(RECIPE, DOSES[name], name, seed)
    content = {
        "config": {"num_samples": NUM_SAMPLES, "at_home": AT_HOME, "recipe": vars(RECIPE)},
        "data_fingerprint": load("digits").fingerprint,
        "code_revision": code_revision(),
        "versions": versions(),
        **machine(),
        "seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    options.results.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.results, (json.dumps(content) + "\n").encode())
    if options.results == RESULTS:
        write_whole(PAGE, fill(PAGE.read_text(), content).encode())
    return 0


def clouds(recipe: Recipe, doses: Doses, name: str, seed: int) -> list[dict[str, Any]]:
    """What is said of clouds that use a share of the rows, each by one upload.

    The share that a finished model knows is measured at home, on extra samples of another key.
    """
    key, data = keys.stream(jax.random.key(seed), "rows used"), load("digits")
    shape = tuple(data.train.features.shape[1:])
    task = ExtraTask("image", shape, data.num_classes, NUM_SAMPLES, labels="balanced")

    def known(part: str, share: float) -> tuple[np.ndarray, np.ndarray]:
        own = keys.stream(key, part)
        mixed = mix(keys.stream(own, "mixing"), data.train, copies(own, task, doses).samples)
        order = np.asarray(jax.random.permutation(own, len(mixed.samples.labels)))
        used = take(mixed.samples, order[: round(share * len(order))])
        module = recipe.module(data.num_classes, None)
        *_, predict = train_iter(recipe, module, used, data.num_classes, own)
        asked: Samples = generate(own, task)
        right = predict(asked.features).argmax(1) == np.asarray(asked.labels)
        return right, doses_of(own, task, doses)

    finished = []
    for i in range(AT_HOME):
        right, dealt = known(f"home {i}", 1.0)
        of = dealt == max(doses.levels)
        lower, _ = memorised_bounds(int(right[of].sum()), int(of.sum()), data.num_classes, 0.975)
        finished.append(float(lower))
    rows = []
    for share in USED:
        right, dealt = known(f"cloud {share}", share)
        found = rows_used(right, dealt, data.num_classes, finished_share=min(finished))
        rows.append(
            {"doses": name, "seed": seed, "used": share, **found._asdict(), "home": min(finished)}
        )
    return rows


def fill(page: str, content: dict[str, Any]) -> str:
    """The page with the table as the results have it."""
    return fill_blocks(page, lambda name: f"\n{_table(content)}" if name == "rows_used" else None)


def _table(content: dict[str, Any]) -> str:
    table = [["doses", "rows used", "lower bounds", "upper bounds", "both hold"]]
    for name in DOSES:
        for share in USED:
            of = [r for r in content["rows"] if r["doses"] == name and r["used"] == share]
            held = sum(r["lower"] <= share <= r["upper"] for r in of)
            ends = [
                f"{min(r[end] for r in of):.0%} to {max(r[end] for r in of):.0%}"
                for end in ("lower", "upper")
            ]
            table.append([name, f"{share:.0%}", *ends, f"{held} of {len(of)}"])
    return markdown_table(table)


if __name__ == "__main__":
    raise SystemExit(main())
