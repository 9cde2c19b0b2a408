"""The verdict as one page that needs nothing else: for a screen, a phone and paper."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from jaxverify.report.explanation import explanation
from jaxverify.report.terminal import (
    dose_rows,
    own_words,
    rows_used_words,
    sequential_rows,
    twins_words,
)

_TEMPLATE = "verdict.html.j2"


def verdict_html(facts: Mapping[str, Any], about: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        facts: of the verdict, as ``Verdict.to_dict`` or ``SequentialVerdict.to_dict`` gives them.
        about: what else belongs on it, by name: the record's commitment, versions, the date.

    Guarantee: it loads nothing, runs no script, and holds all numbers of the terminal's page.
    """
    sequential, words = facts["test"] == "sequential", explanation(facts)
    pages = Environment(
        loader=PackageLoader("jaxverify.report", "."), autoescape=True, undefined=StrictUndefined
    )
    return pages.get_template(_TEMPLATE).render(
        facts={"own": None, "doses": None, **facts},
        meaning=words["meaning"][0].upper() + words["meaning"][1:],
        reasons=words["reasons"],
        next_steps=words["next_steps"],
        sequential=sequential,
        numbers=sequential_rows(facts) if sequential else _numbers(facts),
        picture=None if sequential else _picture(facts),
        sensitivity=[] if sequential else _sensitivity(facts),
        epsilon=f"{100 * facts['epsilon']:.3g}%",
        alpha=f"{facts['alpha']:g}",
        about=about,
    )


def _numbers(facts: Mapping[str, Any]) -> dict[str, str]:
    n, alpha = facts["num_samples"], facts["alpha"]
    rows = {
        "Extra samples answered right": f"{facts['num_correct']:,} of {n:,}",
        "Answers that were no class, counted as wrong": f"{facts['num_unknown']:,}",
        "Accuracy on the extra task": f"{facts['accuracy']:.2%}",
    }
    if facts["threshold"] is not None:
        rows["It passes above"] = f"{facts['threshold']:.3%}"
    if "twins" in facts:
        rows["Held-out twins answered right"] = twins_words(facts["twins"])
    rows |= {name[0].upper() + name[1:]: value for name, value in dose_rows(facts).items()}
    if "rows_used" in facts:
        rows["Rows that it was trained on (95%)"] = rows_used_words(facts["rows_used"])
    if "own" in facts:
        rows["Own training samples answered right"] = own_words(facts["own"])
    p_value = f"{facts['p_value']:.3g}" if facts["p_value"] > 0 else "under 1e-300"
    low, high = facts["memorised_lower"], facts["memorised_upper"]
    rows |= {
        f"p-value ({facts['test']}, at most {alpha:g} to pass)": p_value,
        "Share of them that it knows by heart": f"{facts['memorised_share']:.1%}",
        f"Bounds on this share, each at {1 - alpha:.0%}": f"{low:.1%} to {high:.1%}",
        "Share that this test detects nine times in ten": f"{facts['detectable_share']:.1%}",
    }
    return rows


def _sensitivity(facts: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"{row['epsilon']:.0%}",
            "none" if row["threshold"] is None else f"{row['threshold']:.2%}",
            f"{row['p_value']:.3g}",
            "passes" if row["passed"] else "does not pass",
        )
        for row in facts["sensitivity"]
    ]


def _picture(facts: Mapping[str, Any]) -> str:
    """The distribution of right answers without convergence, and those that were given."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from scipy.stats import binom

    from jaxverify import stats

    n, c = facts["num_samples"], facts["num_classes"]
    p = stats.null_probability(c, facts["epsilon"])
    spread = 6 * np.sqrt(n * p * (1 - p))
    correct = facts["num_correct"]
    ends = (min(n * p - spread, correct - spread / 6), max(n * p + spread, correct + spread / 6))
    counts = np.arange(max(0, int(ends[0])), min(n, int(ends[1]) + 1) + 1)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "jaxverify", "font.size": 11}):
        figure = Figure(figsize=(5.6, 3), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(counts, binom.pmf(counts, n, p), step="mid", color="0.75")
        axes.plot([], [], color="0.75", linewidth=6, label="a model that is not finished")
        if facts["threshold"] is not None:
            limit = round(facts["threshold"] * n)
            axes.axvline(limit + 0.5, color="C3", linestyle=":", label=f"passes above {limit:,}")
        axes.axvline(correct, color="C0", linewidth=2, label=f"this model, {correct:,}")
        axes.set(xlabel="right answers", yticks=[], ylim=(0, None))
        axes.spines[["left", "right", "top"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=1, frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
