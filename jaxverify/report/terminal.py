"""The verdict as a page in the terminal."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

_STYLES = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
MEANINGS = {
    "PASS": "the model knows more of the extra task than an unconverged one would",
    "FAIL": "the model knows less of the extra task than a converged one is expected to",
    "INCONCLUSIVE": "too few extra samples to tell; this is not a pass",
}


def verdict_page(facts: dict[str, Any]) -> Group:
    """The numbers of a verdict, how it would stand under other values of epsilon, and cautions.

    Args:
        facts: of the verdict, as ``Verdict.to_dict`` gives them.
    """
    cautions = (Text(f"Caution: {sentence}", style="yellow") for sentence in facts["cautions"])
    return Group(_table(facts), *cautions)


def _table(facts: dict[str, Any]) -> Table:
    outcome, alpha = facts["outcome"], facts["alpha"]
    table = Table(
        title=Text(outcome, style=_STYLES[outcome]),
        caption=MEANINGS[outcome],
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
        f"{facts['memorised_share']:.1%}  [{max(0.0, facts['memorised_lower']):.1%}, "
        f"{facts['memorised_upper']:.1%}]",
    )
    table.add_section()
    for row in facts["sensitivity"]:
        mark = "passes" if row["passed"] else "does not pass"
        limit = "" if row["threshold"] is None else f"T {row['threshold']:.2%}, "
        table.add_row(f"if epsilon were {row['epsilon']:.0%}", f"{limit}{mark}")
    return table
