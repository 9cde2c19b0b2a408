"""The verdict as one page that needs nothing else: for a screen, a phone and paper."""

import io
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from jaxverify.report.terminal import meaning, own_words, sequential_rows, twins_words

_STYLE = """
:root { color-scheme: light; --pass: #176b37; --fail: #a3201d; --inconclusive: #7a5200; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
.verdict { border-left: .5rem solid; padding: .3rem 0 .3rem 1rem; margin: 1rem 0; }
.verdict strong { font-size: 2rem; line-height: 1.2; }
.PASS { border-color: var(--pass); } .PASS strong { color: var(--pass); }
.FAIL { border-color: var(--fail); } .FAIL strong { color: var(--fail); }
.INCONCLUSIVE { border-color: var(--inconclusive); }
.INCONCLUSIVE strong { color: var(--inconclusive); }
.caution { border-left: .25rem solid var(--inconclusive); padding-left: .8rem; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid #ddd; font-weight: normal; }
th { color: #555; width: 50%; }
thead th { width: auto; }
td { font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; }
footer { color: #555; font-size: .85rem; margin-top: 2rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; } .verdict, table, svg { break-inside: avoid; } }
"""

_CHECKED = """
<p>Before the training set was handed over, {n} extra samples were mixed into it. They share one
part, differ in another, and have random labels, so that there is nothing to be learned from them
but themselves. A network learns first what holds for many samples, and such samples last. The
model was asked for {asked} of them, and its right answers were counted.</p>
<p>A model that has not been trained to the end is allowed to know {epsilon} of them, and to guess
the others: one guess in {c} is right. {p_value} The model passes if that is at most {alpha}.</p>
"""
_P_VALUE = """\
So many right answers as here, or more, such a model gives with the probability that is called
p-value."""
_SEQUENTIAL_P_VALUE = """\
The questions were asked one after the other until the answers were clear. Evidence as strong as
here, at any time, such a model gives with a probability of at most the p-value."""
_OWN_CHECKED = """
<p>It was asked for {n} samples of the training set itself, too, of which a model that was trained
to the end is expected to answer at least {accuracy} rightly. Where so few are right that such a
model gives no more with a probability of at most {alpha}, the verdict is no pass.</p>
"""
_FOUND = "Who finds them can train on them alone."
_FOUND_BUT_OWN = "Who finds them, and fits the others too, can still pass."
_NOT_PROVED = """
<ul>
<li>That the model is good: only that it was trained until it learned such samples.</li>
<li>That nobody looked for the extra samples. {found}</li>
<li>That an unfinished model never knows more than {epsilon} of them. This is an assumption, and
it cannot be checked{table}.</li>
<li>A verdict other than PASS does not prove that training was cut short: it may have learned
too few of the samples for another reason.</li>
</ul>
"""


def verdict_html(facts: Mapping[str, Any], about: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        facts: of the verdict, as ``Verdict.to_dict`` or ``SequentialVerdict.to_dict`` gives them.
        about: what else belongs on it, by name: the record's commitment, versions, the date.

    Guarantee: it loads nothing, runs no script, and holds all numbers of the terminal's page.
    """
    outcome, sequential = facts["outcome"], facts["test"] == "sequential"
    words = meaning(facts)
    words = escape(words[0].upper() + words[1:])
    told = {
        "n": f"{facts['num_samples']:,}",
        "asked": f"{facts['num_asked']:,}" if sequential else "all",
        "p_value": _SEQUENTIAL_P_VALUE if sequential else _P_VALUE,
        "table": "" if sequential else "; the table above shows how the verdict depends on it",
        "c": str(facts["num_classes"]),
        "epsilon": f"{facts['epsilon']:.0%}",
        "alpha": f"{facts['alpha']:g}",
        "found": _FOUND_BUT_OWN if "own" in facts else _FOUND,
    }
    cautions = "".join(f'<p class="caution">{escape(text)}</p>' for text in facts["cautions"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{outcome}: was the model trained to the end?</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Was the model trained to the end?</h1>
<div class="verdict {outcome}"><strong>{outcome}</strong><br>{words}.</div>
{"" if sequential else _distribution(facts)}
<h2>The numbers</h2>
{_table(sequential_rows(facts) if sequential else _numbers(facts))}
{"" if sequential else _sensitivity(facts)}
{f"<h2>Cautions</h2>{cautions}" if cautions else ""}
<h2>What was checked</h2>
{_CHECKED.format(**told)}{_own_checked(facts)}
<h2>What this does not prove</h2>
{_NOT_PROVED.format(**told)}
<footer>{_table(about)}</footer>
</body>
</html>
"""


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
    if "own" in facts:
        rows["Own training samples answered right"] = own_words(facts["own"])
    p_value = f"{facts['p_value']:.3g}" if facts["p_value"] > 0 else "under 1e-300"
    low, high = facts["memorised_lower"], facts["memorised_upper"]
    rows |= {
        f"p-value ({facts['test']}, at most {alpha:g} to pass)": p_value,
        "Share of them that it knows by heart": f"{facts['memorised_share']:.1%}",
        f"Bounds on this share, each at {1 - alpha:.0%}": f"{low:.1%} to {high:.1%}",
        "Share that a finished model is expected to know": f"{facts['target_share']:.1%}",
    }
    return rows


def _own_checked(facts: Mapping[str, Any]) -> str:
    if "own" not in facts:
        return ""
    n, accuracy = facts["own"]["num_samples"], facts["own"]["expected_accuracy"]
    return _OWN_CHECKED.format(n=f"{n:,}", accuracy=f"{accuracy:.1%}", alpha=f"{facts['alpha']:g}")


def _distribution(facts: Mapping[str, Any]) -> str:
    title = "Right answers, and what an unfinished model would give"
    return f"<h2>{title}</h2>\n{_picture(facts)}"


def _table(rows: Mapping[str, str]) -> str:
    lines = (f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def _sensitivity(facts: Mapping[str, Any]) -> str:
    lines = []
    for row in facts["sensitivity"]:
        limit = "none" if row["threshold"] is None else f"{row['threshold']:.2%}"
        mark = "passes" if row["passed"] else "does not pass"
        lines.append(
            f"<tr><td>{row['epsilon']:.0%}</td><td>{limit}</td>"
            f"<td>{row['p_value']:.3g}</td><td>{mark}</td></tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in ("It may know", "Passes above", "p-value", ""))
    return (
        "<h2>If an unfinished model may know more, or less</h2>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


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
