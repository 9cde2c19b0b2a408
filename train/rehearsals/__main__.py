"""Do rehearsed plans hold in the cloud? Rehearse, plan, and judge models by the plan.

python -m train.rehearsals --data FOLDER

For each recipe, networks are trained at home on one part of a data set, and a plan is made. By the
plan, models trained in the cloud are judged, on another part, with other seeds and secrets, after
each epoch. The paper's own task is judged beside it. A recipe that is done is not done again; what
was found goes to ``results/rehearsals/``, and from there to ``docs/rehearsal.md``.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from jaxverify.exit_status import exit_status
from train.memory import keep_freed_memory
from train.settings import chosen, folder_of


def main(args: Sequence[str] | None = None) -> int:
    """Run what is missing, and redraw the page."""
    parser = argparse.ArgumentParser(
        prog="python -m train.rehearsals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, help="a folder with one for each data set; fetched without")
    add("--setting", action="append", help="this one alone; may be repeated")
    add("--results", type=Path, help="where all is kept (results/rehearsals)")
    options = parser.parse_args(args)
    return exit_status(lambda: _work(options), goes_on="run it again")


def _work(options: argparse.Namespace) -> int:
    keep_freed_memory()
    from jaxverify.files.whole import write_whole
    from train.provenance import provenance
    from train.rehearsals.publication import RESULTS, publish
    from train.rehearsals.run import run
    from train.rehearsals.setting import SETTINGS

    console, folder = Console(), options.results or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for name in chosen(options.setting, SETTINGS):
        setting, path = SETTINGS[name], folder / f"{name}.json"
        if path.exists():
            continue
        data = folder_of(options.data, setting.dataset)
        with console.status(name) as status:
            measured = run(setting, data, lambda what, n=name, s=status: s.update(f"{n}: {what}"))
        content = {
            "name": name,
            "config": asdict(setting),
            **provenance(),
            **measured,
        }
        write_whole(path, (json.dumps(content) + "\n").encode())
        console.print(f"{path.name}: {measured['construction']}, {measured['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
