"""``jaxverify plan``: how large must the extra task be?"""

import argparse
import json

from jaxverify.cli.outputs import check_outputs, files_written, screen_of, write_output
from jaxverify.record.plan import make_plan
from jaxverify.report.json_head import head
from jaxverify.report.planning import draw_power
from jaxverify.verification.families import worth


def run(options: argparse.Namespace) -> int:
    """Plan, print and draw."""
    outputs = {"--picture": options.picture}
    check_outputs(outputs, force=options.force, never=[], json=options.json)
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
        write_output(options.picture, draw_power(found.to_dict()), force=options.force)
    words = worth(options.family).words
    if options.json:
        said = {**head("plan"), **found.to_dict(), "family": options.family, "worth": words}
        print(json.dumps(said, indent=2, allow_nan=False))
    else:
        console = screen_of(options, options.picture)
        console.print(found)
        console.print(f"{options.family}: {words}")
        files_written(console, {"picture": options.picture})
    return 0
