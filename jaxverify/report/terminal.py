"""The verdict as a page in the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from jaxverify.report.explanation import explanation, meaning

_STYLES = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "bold yellow",
    "NO POWER": "bold yellow",
}


def page(facts: Mapping[str, Any]) -> Group:
    """The page of a verdict of any test.

    Args:
        facts: as its ``to_dict`` gives them.
    """
    pages = {"sequential": sequential_page, "rank": score_page}
    return pages.get(facts["test"], verdict_page)(facts)


def verdict_page(facts: Mapping[str, Any]) -> Group:
    """The numbers of a verdict, how it would stand under other values of epsilon, and cautions.

    Args:
        facts: of the verdict, as ``Verdict.to_dict`` gives them.
    """
    return Group(_table(facts), *_words(facts))


def sequential_page(facts: Mapping[str, Any]) -> Group:
    """The same of a verdict that was reached before all was asked.

    Args:
        facts: as ``SequentialVerdict.to_dict`` gives them.
    """
    outcome = facts["outcome"]
    caption = meaning(facts)
    table = Table(title=Text(outcome, style=_STYLES[outcome]), caption=caption, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in sequential_rows(facts).items():
        table.add_row(name, value)
    return Group(table, *_words(facts))


def score_page(facts: Mapping[str, Any]) -> Group:
    """The same of a verdict by scores.

    Args:
        facts: as ``ScoreVerdict.to_dict`` gives them.
    """
    alpha, outcome = facts["alpha"], facts["outcome"]
    caption = meaning(facts)
    table = Table(title=Text(outcome, style=_STYLES[outcome]), caption=caption, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row("extra samples, and as many twins", f"{facts['num_samples']:,}")
    bounds = f"[{facts['auc_lower']:.3f}, {facts['auc_upper']:.3f}]"
    table.add_row(
        f"AUC against the twins ({1 - alpha:.0%} bounds)", f"{facts['auc']:.3f}  {bounds}"
    )
    table.add_row("error on the extra samples that is gone", f"{max(0.0, facts['memorised']):.1%}")
    if facts["num_correct"] is not None:
        table.add_row("answered right, its bias for a class taken off", f"{facts['num_correct']:,}")
    if facts["temperature"] is not None:
        words = "temperature on held-out samples, divided by"
        table.add_row(words, f"{facts['temperature']:.3g}")
    table.add_row(f"p-value (rank, alpha {alpha:g})", f"{facts['p_value']:.3g}")
    table.add_row("may be gone before convergence (forgiven)", f"{facts['forgiven']:.0%}")
    return Group(table, *_words(facts))


def sequential_rows(facts: Mapping[str, Any]) -> dict[str, str]:
    """The numbers of a sequential verdict, by what they are called."""
    rows = {
        "extra samples asked": f"{facts['num_asked']:,} of {facts['num_samples']:,}",
        "answered right": f"{facts['num_correct']:,}",
    }
    if facts["num_unknown"]:
        rows["answers that were no class"] = f"{facts['num_unknown']:,}"
    return rows | {
        f"p-value, whenever one stops (alpha {facts['alpha']:g})": f"{facts['p_value']:.3g}",
        "an unconverged model may know (epsilon)": f"{facts['epsilon']:.0%}",
        **_fail_row(facts),
    }


def _fail_row(facts: Mapping[str, Any]) -> dict[str, str]:
    below = facts["fail_below"]
    return {"FAIL is said of one that knows less than": f"{below:.1%}" if below else "never said"}


def _words(facts: Mapping[str, Any]) -> list[Text]:
    """Possible reasons, what to do next, and cautions: a line each."""
    words = explanation(facts)
    lines = [Text("Possible reasons:")] if words["reasons"] else []
    lines += [Text(f"  - {sentence}") for sentence in words["reasons"]]
    lines += [Text("What to do next:")] if words["next_steps"] else []
    lines += [Text(f"  - {sentence}") for sentence in words["next_steps"]]
    return lines + [Text(f"Caution: {text}", style="yellow") for text in facts["cautions"]]


def twins_words(twins: Mapping[str, Any]) -> str:
    """How the held-out twins were answered, in a line."""
    count = f"{twins['num_correct']:,} of {twins['num_samples']:,}"
    return f"{count} (as good as the uploaded ones: p {twins['p_value']:.3g})"


def dose_rows(facts: Mapping[str, Any]) -> dict[str, str]:
    """What is known of each dose, if there is a control, by what it is called."""
    doses = facts.get("doses")
    if doses is None:
        return {}
    rows = {
        f"right of those {_in_upload(row['dose'])}": f"{row['num_correct']:,} of "
        f"{row['num_samples']:,}"
        for row in doses["response"]
    }
    return rows | {"trained on them (p, against chance)": f"{doses['used_p_value']:.3g}"}


def rows_used_words(rows_used: Mapping[str, float]) -> str:
    """The share of the rows that a model was trained on, in a line."""
    lower, upper = rows_used["lower"], rows_used["upper"]
    return f"at least {lower:.0%}" + (f", at most {upper:.0%}" if upper < 1 else "")


def _in_upload(dose: int) -> str:
    if dose == 0:
        return "that nobody was given"
    return f"in the upload {'once' if dose == 1 else f'{dose} times'}"


def own_words(own: Mapping[str, Any]) -> str:
    """How the model's own training samples were answered, in a line."""
    count = f"{own['num_correct']:,} of {own['num_samples']:,}"
    if own["num_unknown"]:
        count += f", {own['num_unknown']:,} not"
    return f"{count} (honest: {own['expected_accuracy']:.1%}, p {own['p_value']:.3g})"


def _table(facts: Mapping[str, Any]) -> Table:
    outcome, alpha = facts["outcome"], facts["alpha"]
    table = Table(
        title=Text(outcome, style=_STYLES[outcome]),
        caption=meaning(facts),
        show_header=False,
    )
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row(
        "extra samples answered right", f"{facts['num_correct']} of {facts['num_samples']}"
    )
    if facts["num_unknown"]:
        table.add_row("answers that were no class", str(facts["num_unknown"]))
    table.add_row("accuracy on the extra task", f"{facts['accuracy']:.2%}")
    if facts["threshold"] is not None:
        table.add_row("threshold T", f"more than {facts['threshold']:.3%}")
    p_value = f"{facts['p_value']:.3g}" if facts["p_value"] > 0 else "under 1e-300"
    table.add_row(f"p-value ({facts['test']}, alpha {alpha:g})", p_value)
    table.add_row(
        f"memorised share ({1 - alpha:.0%} bounds)",
        f"{facts['memorised_share']:.1%}  [{facts['memorised_lower']:.1%}, "
        f"{facts['memorised_upper']:.1%}]",
    )
    if "twins" in facts:
        table.add_row("held-out twins answered right", twins_words(facts["twins"]))
    for name, value in dose_rows(facts).items():
        table.add_row(name, value)
    if "rows_used" in facts:
        table.add_row("rows that it was trained on (95%)", rows_used_words(facts["rows_used"]))
    if "own" in facts:
        table.add_row("own training samples answered right", own_words(facts["own"]))
    if facts["outcome"] != "PASS":
        table.add_row("this test detects nine times in ten", f"{facts['detectable_share']:.1%}")
    table.add_section()
    for row in facts["sensitivity"]:
        mark = "passes" if row["passed"] else "does not pass"
        limit = "" if row["threshold"] is None else f"T {row['threshold']:.2%}, "
        table.add_row(f"if epsilon were {row['epsilon']:.0%}", f"{limit}{mark}")
    return table
