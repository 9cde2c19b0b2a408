"""When does a network know the extra samples of each dose, and construction?

python -m train.doses --data FOLDER

Trains a network with all constructions in all doses at once, in each setting and for each seed, and
asks for them after every epoch. A run that is done is not done again; what was found goes to
``results/doses/``, and from there to the tables of ``docs/doses.md``.
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
        prog="python -m train.doses",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, help="a folder with one for each data set; fetched without")
    add("--seeds", type=int, default=3, help="of each setting (%(default)s)")
    add("--setting", action="append", help="this one alone; may be repeated")
    add("--results", type=Path, help="where runs are kept (results/doses)")
    options = parser.parse_args(args)
    return exit_status(lambda: _work(options), goes_on="run it again")


def _work(options: argparse.Namespace) -> int:
    keep_freed_memory()
    from rich.progress import Progress

    from jaxverify.files.whole import write_whole
    from train.doses.publication import RESULTS, publish  # JAX starts here
    from train.doses.run import run
    from train.doses.setting import SETTINGS
    from train.provenance import provenance

    console, folder = Console(), options.results or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in chosen(options.setting, SETTINGS):
            setting = SETTINGS[name]
            path = folder / f"{name.replace(',', '').replace(' ', '-')}-seed{seed}.json"
            if path.exists():
                continue
            data = folder_of(options.data, setting.dataset)
            with Progress(console=console, transient=True) as progress:
                bar = progress.add_task(f"{name}, seed {seed}", total=setting.recipe.epochs)
                measured = run(
                    setting,
                    seed,
                    data,
                    lambda epoch, b=bar, p=progress: p.update(b, completed=epoch),
                )
            content = {
                "name": name,
                "config": {**asdict(setting), "seed": seed},
                **provenance(),
                **measured,
            }
            write_whole(path, (json.dumps(content) + "\n").encode())
            last = measured["rows"][-1]["test_accuracy"]
            console.print(f"{path.name}: test {last:.1%}, {measured['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
