"""Does a verdict tell how many rows a cloud used? Clouds that leave rows out, and what it says.

python -m train.rows_used

Trains a network on a protected data set of which a cloud leaves a part out at random, to the end,
and compares the bounds of ``jaxverify.stats.rows_used`` with the truth. What was found goes to
``results/rows_used/``, and from there to the table of ``docs/rehearsal.md``.
"""

from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.stats import binom

from jaxverify import ExtraTask, Samples, keys, mix
from jaxverify.data import load
from jaxverify.stats import memorised_bounds, rows_used
from jaxverify.task.doses import Doses, copies, doses_of
from jaxverify.task.generation import generate
from jaxverify.training.batches import take
from jaxverify.training.loop import train_iter
from jaxverify.training.recipe import Recipe
from train.markdown import markdown_table
from train.study import Study

USED = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
DOSES = {"1": Doses((1,)), "0, 1": Doses((0, 1)), "0, 4": Doses((0, 4))}
NUM_SAMPLES, AT_HOME, CONFIDENCE = 200, 3, 0.95
RECIPE = Recipe(network="digits_cnn", epochs=20, batch_size=64, learning_rate=2e-3)
Row = dict[str, Any]


def measure(seeds: int) -> list[Row]:
    """The bounds for every share of rows, over several uploads with each set of doses."""
    wanted = [(name, seed) for name in DOSES for seed in range(seeds)]
    each = track(wanted, "clouds", console=Console(stderr=True), transient=True)
    return [row for name, seed in each for row in clouds(RECIPE, name, seed)]


def clouds(recipe: Recipe, doses_name: str, seed: int) -> list[Row]:
    """What is said of clouds that use a share of the rows, each by one upload.

    The share that a finished model knows is measured at home, on extra samples of another key.
    """
    key, data = keys.stream(jax.random.key(seed), "rows used"), load("digits")
    shape, doses = tuple(data.train.features.shape[1:]), DOSES[doses_name]
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
        bounds = rows_used(
            right,
            dealt,
            data.num_classes,
            finished_share=min(finished),
            confidence=CONFIDENCE,
        )
        of_upload = {"doses": doses_name, "seed": seed, "home": min(finished)}
        rows.append({**of_upload, "used": share, **bounds._asdict()})
    return rows


def holds(row: Row) -> bool:
    """Whether the share that was used lies within its bounds."""
    return row["lower"] <= row["used"] <= row["upper"]


def num_wrong(rows: list[Row]) -> int:
    """How many bounds do not hold, if these are more than the confidence leaves room for."""
    missed = sum(not holds(row) for row in rows)
    by_chance = binom.sf(missed - 1, len(rows), 1 - CONFIDENCE) > 0.01
    return 0 if by_chance else missed


def table(rows: list[Row]) -> str:
    """What was measured, in Markdown."""
    lines = [["doses", "rows used", "lower bounds", "upper bounds", "both hold"]]
    for name in DOSES:
        for share in USED:
            of = [row for row in rows if row["doses"] == name and row["used"] == share]
            ends = [
                f"{min(row[end] for row in of):.0%} to {max(row[end] for row in of):.0%}"
                for end in ("lower", "upper")
            ]
            lines.append([name, f"{share:.0%}", *ends, f"{sum(map(holds, of))} of {len(of)}"])
    return markdown_table(lines)


STUDY = Study(
    name="rows_used",
    page="rehearsal.md",
    repeats=10,
    facts={"num_samples": NUM_SAMPLES, "at_home": AT_HOME, "recipe": vars(RECIPE)},
    measure=measure,
    table=table,
    wrong=num_wrong,
    dataset="digits",
)

if __name__ == "__main__":
    raise SystemExit(STUDY.main(__doc__ or ""))
