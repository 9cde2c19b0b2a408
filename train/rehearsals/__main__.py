"""Do rehearsed plans hold in the cloud? Rehearse, plan, and judge models by the plan.

python -m train.rehearsals --data FOLDER

For each recipe, networks are trained at home on one part of a data set, and a plan is made. By the
plan, models trained in the cloud are judged, on another part, with other seeds and secrets, after
each epoch. The paper's own task is judged beside it. A recipe that is done is not done again; what
was found goes to ``results/rehearsals/``, and from there to ``docs/rehearsal.md``.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from train.settings import chosen, folder_of
from train.sweep import command, write_run


def main(args: Sequence[str] | None = None) -> int:
    """Run what is missing, and redraw the page."""
    return command("rehearsals", __doc__, _work, args)


def _work(options: argparse.Namespace) -> int:
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
        write_run(path, name, asdict(setting), measured)
        console.print(f"{path.name}: {measured['construction']}, {measured['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
