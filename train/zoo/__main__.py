"""Trainers as people use them, judged by the paper's task and by plans made without them.

make zoo
.venv-zoo/bin/python -m train.zoo --data FOLDER

Each trainer of ``train/zoo/setting.py`` is trained on a part of a data set that no rehearsal saw,
once with the paper's extra task and once with the one that ``train.rehearsals`` planned for the
nearest recipe of our own networks. After each stage it is judged. A run that is done is not done
again; what was found goes to ``results/zoo/``, and from there to ``docs/zoo.md``.
"""

import argparse
from collections.abc import Sequence

from rich.console import Console

from train.settings import chosen, folder_of
from train.sweep import command, write_run

_PACKAGES = ("torch", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "fasttext-community")


def main(args: Sequence[str] | None = None) -> int:
    """Run what is missing, and redraw the page."""
    return command("zoo", __doc__, _work, args, seeds=3)


def _work(options: argparse.Namespace) -> int:
    from train.provenance import versions
    from train.rehearsals.setting import SETTINGS as RECIPES
    from train.zoo.publication import RESULTS, publish
    from train.zoo.run import run
    from train.zoo.setting import SETTINGS

    console, folder = Console(), options.results or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in chosen(options.setting, SETTINGS):
            setting, path = SETTINGS[name], folder / f"{name}-seed{seed}.json"
            if path.exists():
                continue
            dataset = setting.elsewhere.get("dataset", RECIPES[setting.rehearsal].dataset)
            data = folder_of(options.data, dataset)
            with console.status(name) as status:
                measured = run(
                    setting, seed, data, lambda w, n=name, s=status: s.update(f"{n}: {w}")
                )
            config = {
                "words": setting.words,
                "family": setting.family,
                "rehearsal": setting.rehearsal,
                "elsewhere": dict(setting.elsewhere),
                "train": repr(setting.train),
                "seed": seed,
            }
            write_run(path, name, config, {"packages": versions(_PACKAGES), **measured})
            last = {task: measured[task][-1] for task in ("paper", "planned") if task in measured}
            said = ", ".join(
                f"{task} {row['right']} of {row['asked']} at {row['quality']:.1%}"
                for task, row in last.items()
            )
            console.print(f"{path.name}: {said}, {measured['seconds']:.0f} s")
    if folder == RESULTS:
        publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
