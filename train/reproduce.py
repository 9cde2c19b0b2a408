"""Run the paper's evaluation: tables 1 to 5 and figures 3 and 4, beside the paper's numbers.

Besides, the studies ask how CQ depends on the recipe, of the network's training and of the extra
task.

python -m train.reproduce --table 2 --cells imdb/textcnn --budget cpu --data FOLDER

Each run has a folder of its own; one that is finished, here or under results/, is not made again,
and one that was cut short goes on, so the same command resumes after a crash. Without --table,
--figure and --study all tables and figures are made.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Column, Table

from jaxverify.exit_status import exit_status, print_error
from train.memory import keep_freed_memory
from train.reproduction.arms import ARMS, CELLS, FIGURES, TABLES, Artefact
from train.reproduction.plan import Run, parse_cells, plan
from train.reproduction.studies import STUDIES

_BUDGETS = """\
paper: the paper's setting, three seeds, for a GPU and a night. gpu: recipes that a GPU finishes in
minutes each, three seeds. cpu: recipes that two cores finish in hours, of images with two etas, two
fixed ratios and, except where a study asks for more, one seed. smoke: seconds a run, to see that it
works; its numbers mean nothing."""


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, run what is missing, print what was found.

    Returns:
        int: 0 when every run is finished, 2 when one is not or on a user's error, 130 when
        interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m train.reproduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--table", type=int, choices=TABLES, action="append", help="may be given several times")
    add("--figure", type=int, choices=FIGURES, action="append", help="may be given several times")
    add("--study", choices=STUDIES, action="append", help="may be given several times")
    add("--cells", help="such as cifar10/resnet34,imdb/textcnn; without it all eight")
    add("--budget", choices=("smoke", "cpu", "gpu", "paper"), default="cpu", help=_BUDGETS)
    add("--seeds", type=int, choices=(1, 2, 3), default=3, help="no more than these of each run")
    add("--data", type=Path, help="a folder with one of Parquet files for each data set; or TFDS")
    add("--root", type=Path, default=Path("runs/reproduce"), help="where the run folders lie")
    add("--dry-run", action="store_true", help="only list the runs and what they will take")
    add(
        "--publish",
        action="store_true",
        help="train nothing; write what is finished to results/ and docs/reproduction.md",
    )
    options = parser.parse_args(args)
    if options.publish and options.budget != "cpu":
        parser.error(f"--publish is for the budget cpu, not {options.budget}")
    return exit_status(
        lambda: _reproduce(options, Console()), goes_on="the same command goes on with the queue"
    )


def _reproduce(options: argparse.Namespace, console: Console) -> int:
    asked: list[Artefact] = [("table", number) for number in options.table or ()]
    asked += [("figure", number) for number in options.figure or ()]
    asked += [("study", name) for name in options.study or ()]
    if not asked:
        asked = [*ARMS, *(("study", name) for name in STUDIES if options.publish)]
    asked = list(dict.fromkeys(asked))
    cells = parse_cells(options.cells) if options.cells else list(CELLS)
    runs = [run for run in plan(asked, cells, options.budget) if run.seed < options.seeds]
    if options.dry_run:
        console.print(_listing(runs, options.root))
        return 0

    keep_freed_memory()
    from train.reproduction.finished import finished
    from train.reproduction.queue import work_off  # JAX starts here
    from train.reproduction.study_tables import study
    from train.reproduction.tables import ARTEFACTS

    failed = {} if options.publish else work_off(runs, options.root, options.data, console)
    done = {run: finished(run, run.config(options.root, options.data)) for run in runs}
    done = {run: result for run, result in done.items() if result is not None}
    if options.publish:
        from train.reproduction.publication import PAGE, publish, redraw

        publish(done)
        redraw()
        console.print(f"{len(done)} finished runs of {len(runs)}: {PAGE}")
        return 0
    results = defaultdict(list)
    for run, result in done.items():
        results[run.cell, run.arm].append(result)
    for kind, name in asked:
        if kind == "study":
            about = STUDIES[str(name)]
            console.print(_table(f"{name}: {about.question}", study(about, results, cells)))
        else:
            make = ARTEFACTS[kind, name]
            console.print(_table(f"{kind} {name}: {make.__doc__}", make(results, cells)))
    for run, why in failed.items():
        print_error(f"{run.name} is not finished: {why}")
    return 2 if failed else 0


def _listing(runs: Sequence[Run], root: Path) -> Table:
    from train.reproduction.duration import Durations, spell

    durations = Durations(root, runs)
    seconds = {run: durations.expected(run) for run in runs}
    title = f"{len(runs)} runs under {root}"
    table = Table(Column("run", overflow="fold"), "expected", title=title)
    for run, expected in seconds.items():
        table.add_row(run.name, spell(expected) if expected else "finished")
    table.caption = f"together {spell(sum(seconds.values()))}, at the speed of two CPU cores"
    return table


def _table(title: str, rows: Sequence[Sequence[str]]) -> Table:
    columns = (Column(head, overflow="fold") for head in rows[0])  # never cut off
    table = Table(*columns, title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows[1:]:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
