"""``jaxverify rehearse``: train at home, and plan by what is known at each quality."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int
from rich.table import Table

from jaxverify.cli.options.rehearse import RECIPE
from jaxverify.cli.outputs import check_outputs
from jaxverify.cli.protect import feature_columns
from jaxverify.errors import UserError
from jaxverify.protect.opening import open_rows
from jaxverify.record.calibration import Calibration, best_of, calibrate, save_calibration
from jaxverify.rehearsal.checkpoints import Checkpoint, known_by_quality, split
from jaxverify.screen import Screen, progress_bar
from jaxverify.task.constructions import construction, kind_of, usual_construction
from jaxverify.task.doses import Doses
from jaxverify.task.extra_task import ExtraTask
from jaxverify.task.options import PROTECTING, TaskOptions

_QUALITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 1.0)
_ROWS = 10_000
_LOWER = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)  # shares of the best quality


@dataclass(frozen=True)
class _Rehearsed:
    """What came of one construction.

    Attributes:
        name: of the construction.
        task: at home.
        options: that it follows from.
        doses: of its samples.
        checkpoints: of all seeds.
        home_rows: that were trained on, without the extra ones.
        num_rows: of the data, where they are all that will be uploaded.
    """

    name: str
    task: ExtraTask
    options: TaskOptions
    doses: Int[np.ndarray, " n"]
    checkpoints: list[Checkpoint]
    home_rows: int
    num_rows: int | None


def run(options: argparse.Namespace) -> int:
    """Protect, train, and plan."""
    _check(options)
    console = Screen(quiet=options.quiet)
    rehearse = _by_program if options.network is None else _by_network
    plans, failures, num_rows = [], [], None
    for rehearsed in rehearse(options):
        num_rows = rehearsed.num_rows
        console.print(_table(rehearsed))
        try:
            plans.append((_plan(rehearsed, options), rehearsed.name))
        except UserError as error:
            failures.append((rehearsed.name, str(error)))
    if not plans:
        raise UserError("; ".join(f"{name}: {reason}" for name, reason in failures))
    plan = best_of([plan for plan, _ in plans], num_rows)
    save_calibration(plan, options.out)
    if options.seeds < 3:
        console.caution(
            "one or two trainings say little of how much the next one knows: give three seeds or "
            "more."
        )
    if num_rows is not None and plan.least_rows > num_rows:
        console.caution(
            f"the data have {num_rows:,} rows, fewer than the plan needs: raise "
            f"{'--max-share' if plan.max_share >= options.max_share else '--eta'}, or add data."
        )
    (name,) = {name for each, name in plans if each is plan}
    for line in [f"construction: {name}", *plan.words(), f"plan: {options.out}"]:
        console.say(line)
    return 0


def _check(options: argparse.Namespace) -> None:
    check_outputs({"--out": options.out}, force=False, never=[options.data])
    if not 0 < options.wanted < 1:
        raise UserError(f"wanted is {options.wanted}; it is a share of the best quality, below 1")
    if not 0 < options.max_share <= 1:
        raise UserError(f"max_share is {options.max_share}; it is a share of the rows, above 0")
    if options.seeds < 1:
        raise UserError(f"seeds is {options.seeds}; it is 1 or more")
    if 0 not in options.doses:
        raise UserError(
            "the doses have no 0: without a control nothing shows that others are known"
        )
    if options.network is not None:
        return
    for name in ("rows", *RECIPE):
        if getattr(options, name) is not None:
            raise UserError(f"{name} is for --network: your program decides on it")
    if len(options.construction) > 1:
        raise UserError("a program rehearses one construction at a time: give one of them")
    if options.seeds > 1 and "{seed}" not in options.trainer:
        raise UserError("the trainer's command has no {seed}, so that all seeds would be the same")


def _by_program(options: argparse.Namespace) -> Iterator[_Rehearsed]:
    from jaxverify.rehearsal.program import ProgramRehearsal

    (name,), kind = options.construction, options.kind
    protecting = replace(PROTECTING, eta=options.eta)
    if name is not None:
        kind = kind_of(name)
        if options.kind not in (None, kind):
            raise UserError(f"construction is {name!r}, for kind {kind!r}, not {options.kind!r}")
        protecting = construction(kind, name).of(protecting)
    rehearsal = ProgramRehearsal(options.work, options.trainer)
    record = rehearsal.prepare(
        options.data,
        protecting,
        Doses(options.doses),
        label=options.label,
        kind=kind,
        features=feature_columns(options),
    )
    checkpoints: list[Checkpoint] = []
    with progress_bar(quiet=options.quiet) as progress:
        bar = progress.add_task("training", total=options.seeds)
        for seed in range(options.seeds):
            rehearsal.train(options.data, record, seed)
            checkpoints += rehearsal.read(record, seed, options.answers)
            progress.advance(bar)
    task = record.task
    task_options = replace(
        PROTECTING,
        generator=task.generator,  # pyright: ignore[reportArgumentType]: those of a record are known
        fixed_ratio=task.fixed_ratio,
    )
    dealt = record.doses_of_samples()
    home_rows = sum(table.num_rows for table in open_rows(options.data).tables())
    usual = name or "the usual one"
    yield _Rehearsed(usual, task, task_options, dealt, checkpoints, home_rows, None)


def _by_network(options: argparse.Namespace) -> Iterator[_Rehearsed]:
    from jaxverify.rehearsal.network import NetworkRehearsal, home_task, read_home_data
    from jaxverify.training.recipe import Recipe

    given = {name: getattr(options, name) for name in RECIPE}
    recipe = Recipe(network=options.network, **{k: v for k, v in given.items() if v is not None})
    rehearsal = NetworkRehearsal(options.work, recipe)
    most_rows = _ROWS if options.rows is None else options.rows
    columns = {
        "label": options.label,
        "kind": options.kind,
        "features": feature_columns(options),
    }
    secret = rehearsal.secret(
        options.data,
        {"rows": most_rows, "eta": options.eta, "doses": list(options.doses), **columns},
    )
    console = Screen(stderr=True, quiet=options.quiet)
    with console.status("reading the data"):
        home = read_home_data(options.data, most_rows, **columns)
    recipe.check_kind(home.features.kind)
    usual = usual_construction(home.features.kind, recipe.crops)
    for name in dict.fromkeys(each or usual for each in options.construction):
        protecting = replace(PROTECTING, eta=options.eta)
        task = home_task(home, secret, name, protecting, Doses(options.doses))
        checkpoints: list[Checkpoint] = []
        with progress_bar(quiet=options.quiet) as progress:
            for seed in range(options.seeds):
                what = f"{task.name}, training {seed + 1} of {options.seeds}"
                bar = progress.add_task(what, total=recipe.epochs)

                def show(epoch: int, quality: float, bar=bar, what=what) -> None:
                    progress.update(bar, completed=epoch, description=f"{what}: {quality:.1%}")

                checkpoints += rehearsal.train(home, task, seed, show)
                progress.update(bar, completed=recipe.epochs)
        home_rows = len(home.train.labels)
        yield _Rehearsed(
            task.name, task.task, task.options, task.doses, checkpoints, home_rows, home.num_rows
        )


def _plan(rehearsed: _Rehearsed, options: argparse.Namespace) -> Calibration:
    """The plan for the wanted quality.

    Raises:
        UserError: if there is none, saying for which lower quality there would be one.
    """
    try:
        return _calibrated(rehearsed, options, options.wanted)
    except UserError as error:
        for wanted in _LOWER:
            if wanted < options.wanted and _has_plan(rehearsed, options, wanted):
                raise UserError(f"{error}; with --wanted {wanted:g} there is a plan") from error
        raise


def _has_plan(rehearsed: _Rehearsed, options: argparse.Namespace, wanted: float) -> bool:
    try:
        _calibrated(rehearsed, options, wanted)
    except UserError:
        return False
    return True


def _calibrated(rehearsed: _Rehearsed, options: argparse.Namespace, wanted: float) -> Calibration:
    finished, cut = split(rehearsed.checkpoints, wanted)
    return calibrate(
        [each.right for each in finished],
        [each.right for each in cut],
        rehearsed.doses,
        rehearsed.task.num_classes,
        rehearsed.options,
        rehearsed.task.kind,
        wanted=wanted,
        max_share=options.max_share,
        num_rows=rehearsed.num_rows,
        num_constructions=len(options.construction),
        home_rows=rehearsed.home_rows,
    )


def _table(rehearsed: _Rehearsed) -> Table:
    title = f"{rehearsed.name}: right answers when a training first reached a quality"
    table = Table(title=title)
    table.add_column("dose", justify="right")
    for quality in _QUALITIES:
        table.add_column(f"{quality:.0%}", justify="right")
    known = known_by_quality(rehearsed.checkpoints, rehearsed.doses, _QUALITIES)
    for dose, shares in known.items():
        table.add_row(str(dose), *("" if share is None else f"{share:.0%}" for share in shares))
    return table
