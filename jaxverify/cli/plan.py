"""``jaxverify plan``: how large must the extra task be?"""

import argparse
import json

from rich.console import Console

from jaxverify.files.whole import write_whole
from jaxverify.record.plan import make_plan
from jaxverify.report.planning import draw_power
from jaxverify.verification.families import worth


def run(options: argparse.Namespace) -> int:
    """Plan, print and draw."""
    found = make_plan(
        options.samples,
        options.classes,
        eta=options.eta,
        share=options.share,
        power=options.power,
        alpha=options.alpha,
        epsilon=options.epsilon,
        labels=options.labels,
    )
    if options.picture is not None:
        write_whole(options.picture, draw_power(found.to_dict()))
    words = worth(options.family).words
    if options.json:
        said = {**found.to_dict(), "family": options.family, "worth": words}
        print(json.dumps(said, indent=2, allow_nan=False))
    else:
        console = Console()
        console.print(found)
        console.print(f"{options.family}: {words}", highlight=False)
        if options.picture is not None:
            console.print(f"picture: {options.picture}", soft_wrap=True)
    return 0
