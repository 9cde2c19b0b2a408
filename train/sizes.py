"""How often each test passes a model that its null hypothesis allows.

python -m train.sizes

The size of a test at alpha = 1% and epsilon = 3%: exact where it can be computed, otherwise from
20,000 models of the null hypothesis, each as favourable to a pass as we know. A simulated size
exceeds alpha if the lower end of its one-sided 99.9% interval does. What was found goes to
``results/sizes/``, and from there to the table of ``docs/verdict.md``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Int
from rich.progress import track

from jaxverify import stats
from jaxverify.stats.balanced import worst_tail
from jaxverify.stats.binomial import upper_tail
from jaxverify.stats.forgiven import num_forgiven
from train.markdown import markdown_table
from train.study import Study

ALPHA, EPSILON = 0.01, 0.03
_TASKS = ((2, 200), (10, 400), (4, 960), (100, 400))  # classes and samples, as in the paper
_LEANINGS = (0.0, 0.5, 0.8, 0.95, 1.0)  # towards classes with more labels left
Row = dict[str, Any]
Rng = np.random.Generator


def measure(nulls: int) -> list[Row]:
    """A row for each test and way to draw labels."""
    return [row for make in track(MEASURES, description="tests") for row in make(nulls)]


def _exact(test: str, labels: str, classes: int, samples: int, size: float) -> Row:
    facts = {"test": test, "labels": labels, "classes": classes, "samples": samples}
    return {**facts, "size": size, "nulls": None, "held": bool(size <= ALPHA)}


def _simulated(test: str, labels: str, classes: int, samples: int, passes: Any) -> Row:
    from scipy.stats import beta  # which is slow to import

    n, hits = len(passes), int(np.sum(passes))
    lower = float(beta.ppf(0.001, hits, n - hits + 1)) if hits else 0.0
    facts = {"test": test, "labels": labels, "classes": classes, "samples": samples}
    return {**facts, "size": hits / n, "nulls": n, "lower": lower, "held": lower <= ALPHA}


def _ways(classes: int, samples: int) -> Iterator[tuple[int, Int[np.ndarray, " c"], np.ndarray]]:
    """Of balanced labels: how many are known, which are left, and the shares of the answers.

    The known are of as few classes as possible; the others are answered evenly, or the less with a
    class the fewer of its labels are left.
    """
    left = np.bincount(np.arange(samples) % classes, minlength=classes)
    known = num_forgiven(EPSILON, samples)
    for c in range(classes):
        left[c] -= min(left[c], known - (samples - left.sum()))
    for lean in _LEANINGS:
        behind = (left.max() - left) / max(1, left.max() - left.min())
        shares = np.maximum(1 - lean * behind, 0.0) * (left > 0)
        yield known, left, shares / shares.sum()


def _hits(rng: Rng, nulls: int, left: np.ndarray, shares: np.ndarray) -> Iterator[np.ndarray]:
    """Whether each answer matches its label, bool ``[some, M]``, of nulls in random order."""
    labels = np.repeat(np.arange(len(left)), left)
    edges = np.round(np.cumsum(shares) * len(labels)).astype(int)
    answers = np.searchsorted(edges, np.arange(len(labels)), side="right")
    for start in range(0, nulls, 1000):
        some = min(1000, nulls - start)
        yield rng.permuted(np.tile(labels, (some, 1)), axis=1) == answers


def binomial(nulls: int) -> list[Row]:
    """The paper's test."""
    rows = []
    for classes, samples in _TASKS:
        p = stats.null_probability(classes, EPSILON)
        count = stats.threshold(samples, classes, ALPHA, EPSILON).count
        size = float(upper_tail(count + 1, samples, p))
        rows.append(_exact("binomial", "iid", classes, samples, size))
    for classes, samples in _TASKS:
        count = stats.threshold(samples, classes, ALPHA, EPSILON, "balanced").count
        if classes == 2:
            size = float(worst_tail(count + 1, samples, classes, EPSILON))
            rows.append(_exact("binomial", "balanced", classes, samples, size))
            continue
        worst: list[Row] = []
        for known, left, shares in _ways(classes, samples):
            rng = np.random.default_rng(0)
            hits = [some.sum(axis=1) for some in _hits(rng, nulls, left, shares)]
            passes = known + np.concatenate(hits) > count
            worst.append(_simulated("binomial", "balanced", classes, samples, passes))
        rows.append(max(worst, key=lambda row: row["size"]))
    return rows


def sequential(nulls: int) -> list[Row]:
    """The test that may stop at any time; of independent labels exact, step by step."""
    rows = []
    for classes, samples in _TASKS[:2]:
        asked, right = np.arange(samples + 1)[:, None], np.arange(samples + 1)[None]
        right = np.minimum(right, asked)
        stop = stats.evidence_of_convergence(right, asked + 0 * right, classes, EPSILON)
        stop = stop >= np.log(1 / ALPHA)
        p, chances, passed = stats.null_probability(classes, EPSILON), np.zeros(samples + 1), 0.0
        chances[0] = 1
        for n in range(1, samples + 1):
            chances = chances * (1 - p) + np.concatenate([[0], chances[:-1] * p])
            passed += float(chances[stop[n]].sum())
            chances[stop[n]] = 0
        rows.append(_exact("sequential", "iid", classes, samples, passed))
        arguments = (right, asked + 0 * right, classes, EPSILON, samples)
        stop = stats.evidence_of_convergence(*arguments) >= np.log(1 / ALPHA)
        worst: list[Row] = []
        for known, left, shares in _ways(classes, samples):
            rng, passes = np.random.default_rng(0), []
            for some in _hits(rng, nulls, left, shares):
                sure = np.ones((len(some), known), bool)
                hits = rng.permuted(np.concatenate([sure, some], axis=1), axis=1).cumsum(axis=1)
                passes.append(stop[np.arange(1, samples + 1), hits].any(axis=1))
            passes = np.concatenate(passes)
            worst.append(_simulated("sequential", "balanced", classes, samples, passes))
        rows.append(max(worst, key=lambda row: row["size"]))
    return rows


def permutation(nulls: int) -> list[Row]:
    """Labels permuted against the answers."""
    rows, chunk = [], 500
    test = jax.jit(
        jax.vmap(
            lambda key, answers, labels: stats.permutation_p_value(
                key, answers, labels, num_permutations=199, epsilon=EPSILON
            )
        )
    )
    for classes, samples in _TASKS[:2]:
        for kind in ("iid", "balanced"):
            rng, passes = np.random.default_rng(0), []
            for start in range(0, nulls, chunk):
                labels = rng.integers(0, classes, (chunk, samples))
                if kind == "balanced":
                    labels = rng.permuted(np.tile(np.arange(samples) % classes, (chunk, 1)), axis=1)
                answers = rng.integers(0, classes, labels.shape)
                known = num_forgiven(EPSILON, samples)
                answers[:, :known] = labels[:, :known]
                keys = jax.random.split(jax.random.key(start), chunk)
                passes.append(np.asarray(test(keys, answers, labels)) <= ALPHA)
            passes = np.concatenate(passes)[:nulls]
            rows.append(_simulated("permutation", kind, classes, samples, passes))
    return rows


def twins(nulls: int) -> list[Row]:
    """Right answers to extra samples against those to held-out twins."""
    rows = []
    for classes, samples in _TASKS[:2]:
        rng, known = np.random.default_rng(0), num_forgiven(EPSILON, samples)
        right = known + rng.binomial(samples - known, 1 / classes, nulls)
        of_twins = rng.binomial(samples, 1 / classes, nulls)
        passes = [
            stats.twin_p_value(int(a), int(b), samples, EPSILON) <= ALPHA
            for a, b in zip(right, of_twins, strict=True)
        ]
        rows.append(_simulated("twins", "either", classes, samples, passes))
    return rows


def ranks(nulls: int) -> list[Row]:
    """Scores of extra samples against those of twins, all different and with many ties."""
    rows = []
    for name, levels in (("scores", None), ("scores with ties", 5)):
        rng, samples, passes = np.random.default_rng(0), 100, []
        known = num_forgiven(EPSILON, samples)
        for _ in range(nulls):
            scores, of_twins = rng.normal(size=(2, samples))
            if levels is not None:
                scores, of_twins = np.floor(levels * scores), np.floor(levels * of_twins)
            scores[:known] = 99.0
            passes.append(stats.rank_p_value(scores, of_twins, EPSILON) <= ALPHA)
        rows.append(_simulated(name, "either", 0, samples, passes))
    return rows


def own(nulls: int) -> list[Row]:
    """Own training samples: how often an honest model fails the bound that runs at home gave."""
    rows, samples = [], 200
    for runs, spread in ((3, 0.0), (3, 0.02), (10, 0.01), (10, 0.02)):
        rng = np.random.default_rng(0)
        accuracies = np.clip(rng.normal(0.94, spread, (nulls, runs + 1)), 0, 1)
        at_home = rng.binomial(400, accuracies[:, :-1])
        right = rng.binomial(samples, accuracies[:, -1])
        failed = []
        for counts, k in zip(at_home.tolist(), right.tolist(), strict=True):
            bound = stats.own_accuracy_bound([(count, 400) for count in counts], 1 - ALPHA)
            failed.append(stats.own_p_value(k, samples, bound) <= ALPHA)
        name = f"own samples, {runs} runs at home, spread of {100 * spread:g} points"
        rows.append(_simulated(name, "any", 0, samples, failed))
    return rows


MEASURES: tuple[Callable[[int], list[Row]], ...] = (
    *(binomial, sequential, permutation, twins, ranks, own),
)


def table(measured: list[Row]) -> str:
    """A row for each size."""
    rows = [["test", "labels", "C", "N", "size", "of"]]
    for row in measured:
        of = "exact"
        if row["nulls"] is not None:
            of = f"{row['nulls']:,} nulls, at least {row['lower']:.2%} at 99.9%"
        facts = (row["test"], row["labels"], row["classes"] or "any", row["samples"])
        rows.append([*map(str, facts), f"{row['size']:.3%}", of])
    return markdown_table(rows)


STUDY = Study(
    name="sizes",
    page="verdict.md",
    repeats=20_000,
    facts={"alpha": ALPHA, "epsilon": EPSILON},
    measure=measure,
    table=table,
    wrong=lambda measured: sum(not row["held"] for row in measured),
)

if __name__ == "__main__":
    raise SystemExit(STUDY.main(__doc__ or ""))
