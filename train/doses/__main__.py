"""When does a network know the extra samples of each dose, and construction?

python -m train.doses --data FOLDER

Trains a network with all constructions in all doses at once, in each setting and for each seed, and
asks for them after every epoch. A run that is done is not done again; what was found goes to
``results/doses/``, and from there to the tables of ``docs/doses.md``.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from train.settings import chosen, folder_of
from train.sweep import command, write_run


def main(args: Sequence[str] | None = None) -> int:
    """Run what is missing, and redraw the page."""
    return command("doses", __doc__, _work, args, seeds=3)


def _work(options: argparse.Namespace) -> int:
    from rich.progress import Progress

    from train.doses.publication import RESULTS, publish
    from train.doses.run import run
    from train.doses.setting import SETTINGS

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
            write_run(path, name, {**asdict(setting), "seed": seed}, measured)
            last = measured["rows"][-1]["test_accuracy"]
            console.print(f"{path.name}: test {last:.1%}, {measured['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
