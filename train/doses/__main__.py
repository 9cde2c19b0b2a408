"""When does a network know the extra samples of each dose, and construction?

python -m train.doses --data FOLDER

Trains a small network with all constructions in all doses at once, under each augmentation and for
each seed, and asks for them after every epoch. A run that is done is not done again; what was
found goes to ``results/doses/``, and from there to the tables of ``docs/rehearsal.md``.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from jaxverify.exit_status import exit_status
from train.memory import keep_freed_memory


def main(args: Sequence[str] | None = None) -> int:
    """Run what is missing, and redraw the page."""
    parser = argparse.ArgumentParser(
        prog="python -m train.doses",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, help="a folder with the data set; fetched without")
    add("--seeds", type=int, default=3, help="of each setting (%(default)s)")
    add("--augment", action="append", help="only runs under this augmentation; may be repeated")
    add("--epochs", type=int, help="fewer than the settings have, for a first look")
    add("--results", type=Path, help="where runs are kept (results/doses)")
    options = parser.parse_args(args)
    return exit_status(lambda: _work(options), goes_on="run it again")


def _work(options: argparse.Namespace) -> int:
    keep_freed_memory()
    from dataclasses import replace

    from rich.progress import Progress

    from jaxverify.files.whole import write_whole
    from train.doses.publication import RESULTS, publish  # JAX starts here
    from train.doses.run import run
    from train.doses.setting import SETTINGS
    from train.provenance import code_revision, versions

    console, folder = Console(), options.results or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in options.augment or SETTINGS:
            setting, path = SETTINGS[name], folder / f"{name}-seed{seed}.json"
            if options.epochs is not None:
                setting = replace(setting, epochs=options.epochs)
            if path.exists():
                continue
            with Progress(console=console, transient=True) as progress:
                bar = progress.add_task(f"{name}, seed {seed}", total=setting.epochs)
                found = run(
                    setting,
                    seed,
                    options.data,
                    lambda epoch, b=bar, p=progress: p.update(b, completed=epoch),
                )
            content = {
                "config": {**asdict(setting), "seed": seed},
                "code_revision": code_revision(),
                "versions": versions(),
                "device": platform.processor() or platform.machine(),
                **found,
            }
            write_whole(path, (json.dumps(content) + "\n").encode())
            last = found["rows"][-1]["test_accuracy"]
            console.print(f"{path.name}: test {last:.1%}, {found['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
