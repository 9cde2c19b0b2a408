"""A plan as a page in the terminal, and its power curve as a picture."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

_WIDTH = 24  # of a bar


def plan_page(plan: Mapping[str, Any]) -> Group:
    """The numbers of a plan, its power curve as bars, and cautions.

    Args:
        plan: as ``Plan.to_dict`` gives it.
    """
    title = f"An extra task for {plan['num_original']:,} samples of {plan['num_classes']} classes"
    facts = Table(title=title, show_header=False)
    facts.add_column(style="dim")
    facts.add_column(justify="right")
    facts.add_row("extra samples N", f"{plan['num_samples']:,}")
    facts.add_row("eta, of the training set", f"{plan['eta']:.3%}")
    facts.add_row("a model passes with more right answers than", f"{plan['threshold_count']:,}")
    facts.add_row("threshold T", f"{plan['threshold']:.3%}")
    facts.add_row(
        "an unconverged model passes at most",
        f"{plan['size']:.2%} of the time (alpha {plan['alpha']:g})",
    )
    facts.add_row(
        f"one that knows {plan['share']:.0%} of it passes", f"{plan['power']:.1%} of the time"
    )
    facts.add_row(
        f"passes {plan['target_power']:.0%} of the time if it knows",
        f"{plan['detectable_share']:.1%}",
    )
    curve = Table("knows", "passes", "", f"N for {plan['target_power']:.0%}", box=None)
    for point in plan["curve"]:
        needed = "none" if point["num_samples"] is None else f"{point['num_samples']:,}"
        bar = "█" * round(_WIDTH * point["power"])
        curve.add_row(
            f"{point['share']:.0%}", f"{point['power']:.1%}", bar.ljust(_WIDTH, "·"), needed
        )
    cautions = (Text(f"Caution: {sentence}", style="yellow") for sentence in plan["cautions"])
    return Group(facts, curve, *cautions)


def draw_power(plan: Mapping[str, Any]) -> bytes:
    """A PNG of the power curve, with the level alpha and the power that was asked for.

    Args:
        plan: as ``Plan.to_dict`` gives it.
    """
    from matplotlib.figure import Figure

    from jaxverify import stats

    figure = Figure(figsize=(6, 3.6), dpi=130, layout="constrained")
    axes = figure.subplots()
    shares = [i / 200 for i in range(201)]
    n, c, alpha, epsilon = plan["num_samples"], plan["num_classes"], plan["alpha"], plan["epsilon"]
    powers = [stats.power(share, n, c, alpha, epsilon, plan["labels"]) for share in shares]
    axes.plot(shares, powers, "C0")
    axes.axhline(plan["target_power"], color="0.4", linestyle=":", label="power asked for")
    axes.axhline(alpha, color="C3", linestyle=":", label="alpha")
    axes.axvline(epsilon, color="C3", linestyle="--", label="epsilon")
    label = f"{plan['detectable_share']:.1%} memorised"
    axes.axvline(plan["detectable_share"], color="C0", linestyle="--", label=label)
    axes.set(
        title=f"N = {n:,}, C = {c}",
        xlabel="share of the extra task that the model knows",
        ylabel="probability of a pass",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", framealpha=0.9)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
