"""A plan that rests on models trained at home: which dose tells the end, and what epsilon is."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from jaxverify import stats
from jaxverify.errors import DataError, UserError
from jaxverify.files.whole import new_file
from jaxverify.record.stored import read_stored
from jaxverify.stats.doses import DoseResponse, dose_response
from jaxverify.task.decimals import exact
from jaxverify.task.doses import Doses
from jaxverify.task.extra_task import ExtraTask, Kind
from jaxverify.task.options import TaskOptions

FORMAT, VERSION = "jaxverify calibration", 1
_RISK = 0.025  # that a bound on what a model knew is wrong
MAX_SHARE = 0.01  # of the rows of an upload
_APART = 0.05  # the least gap between finished and cut models that a plan is made for


@dataclass(frozen=True)
class Calibration:
    """What models that were trained at home knew of one dose.

    Attributes:
        dose: copies of an extra sample in the upload.
        share: the smallest lower bound on the share that a finished model knew.
        known_early: the largest upper bound on the share that a model knew that was cut short.
        num_classes: C.
        kind: of the features.
        finished: right answers and samples of this dose, of each finished model.
        cut: the same of each model that was cut short.
        options: of the extra task that is planned, ε and α among them.
        max_share: of the rows of an upload that may be extra ones, copies counted.
        wanted: the share of the best quality that a training must have reached to pass; None, if
            nobody said it.
    """

    dose: int
    share: float
    known_early: float
    num_classes: int
    kind: Kind
    finished: tuple[tuple[int, int], ...]
    cut: tuple[tuple[int, int], ...]
    options: TaskOptions
    max_share: float = MAX_SHARE
    wanted: float | None = None

    @property
    def gap(self) -> float:
        """How far finished models and cut ones are apart."""
        return self.share - self.known_early

    @property
    def num_rows(self) -> int:
        """How many extra rows make a finished model pass nine times in ten."""
        options = self.options
        required = stats.required_num_samples(
            self.share, self.num_classes, options.alpha, options.epsilon, labels=options.labels
        )
        return required * self.dose

    @property
    def epsilon(self) -> float:
        """ε of Algorithm 2 as planned: at least what was measured, ``known_early``."""
        return self.options.epsilon

    @property
    def doses(self) -> Doses:
        """The planned dose, and the control."""
        return Doses((0, self.dose))

    def check_classes(self, num_classes: int) -> None:
        """Raise a UserError if data have another number of classes than it was made for."""
        if num_classes != self.num_classes:
            raise UserError(
                f"the data have {num_classes} classes, and the plan is for {self.num_classes}"
            )

    def passes(self, counts: Sequence[tuple[int, int]]) -> int:
        """How many of these models would pass at the planned ε."""
        return sum(
            float(stats.p_value(k, n, self.num_classes, self.epsilon, self.options.labels))
            <= self.options.alpha
            for k, n in counts
        )

    def words(self) -> list[str]:
        """What it comes to, a sentence each."""
        quality = "" if self.wanted is None else f" before {self.wanted:.0%} of the best quality"
        return [
            f"dose {self.dose}: models that were cut short{quality} knew at most "
            f"{self.known_early:.1%}, finished ones at least {self.share:.1%}",
            f"epsilon is {self.epsilon:.1%}: to pass, a model must show that it knows more",
            f"of the finished models {self.passes(self.finished)} of {len(self.finished)} would "
            f"pass, of those cut short {self.passes(self.cut)} of {len(self.cut)}",
            f"{self.num_rows:,} extra rows are planned; at most {self.max_share:.1%} may be, so "
            f"the upload needs {self.least_rows:,} rows",
        ]

    @property
    def least_rows(self) -> int:
        """How many rows data must have for these extra ones."""
        return math.ceil(self.num_rows / exact(self.max_share))


def calibrate(
    finished: Sequence[Bool[np.ndarray, " n"]],
    cut: Sequence[Bool[np.ndarray, " n"]],
    doses: Int[np.ndarray, " n"],
    num_classes: int,
    options: TaskOptions,
    kind: Kind,
    max_share: float = MAX_SHARE,
    num_rows: int | None = None,
    wanted: float | None = None,
    num_constructions: int = 1,
    home_rows: int | None = None,
) -> Calibration:
    """The plan for the dose at which finished models and cut ones are furthest apart.

    Of the doses that tell them apart those come first whose extra rows fit into the data.

    Args:
        finished: of each model that was trained to the end, whether it answers each extra sample
            of the home task rightly.
        cut: the same of each model that was cut short so early that it must not pass.
        doses: of the samples.
        num_classes: C.
        options: of the home task, α among them.
        kind: of its features.
        max_share: of the rows of an upload that may be extra ones, copies counted.
        num_rows: of the data that will be uploaded, if it is known: where these have room for more
            extra rows than are needed, ε is raised, at most half way to what finished models knew.
        wanted: the share of the best quality that those cut short had not reached.
        num_constructions: how many are compared, this one among them.
        home_rows: that the models were trained on, without the extra ones, if it is known: a plan
            holds for about the share of extra rows that they had, so ``max_share`` is no more.

    Raises:
        UserError: if there is no model of either kind, one knows what nobody was given, or no dose
            tells them apart.

    Guarantee: ε is at least the upper bound, at 97.5% for all doses and constructions together, on
    what each cut model knew, and the share at most the lower bound on what each finished one knew.
    No larger share of rows is extra than where the models were trained, if ``home_rows`` are given.
    """
    if not finished or not cut:
        raise UserError("give answers of a finished model or more, and of one or more cut short")
    for right in (*finished, *cut):
        control = dose_response(right, doses, num_classes, 0.999)[0]
        if control.dose == 0 and control.lower > _APART:
            raise UserError(
                f"a model knows {control.share:.0%} of the samples of dose 0, which nobody was "
                "given: are these its answers, and did it not get the record?"
            )
    if home_rows is not None:
        max_share = min(max_share, int(doses.sum()) / home_rows)
    levels = [int(level) for level in np.unique(doses) if level > 0]
    confidence = 1 - _RISK / (len(levels) * num_constructions)  # the best of them is chosen
    of_finished = [_by_dose(right, doses, num_classes, confidence) for right in finished]
    of_cut = [_by_dose(right, doses, num_classes, confidence) for right in cut]

    def plan(level: int) -> Calibration | None:
        """The plan for a dose, if it tells them apart."""
        most, least = apart(level)
        epsilon, share = math.ceil(1000 * most) / 1000, math.floor(1000 * least) / 1000
        if share - epsilon < _APART:
            return None
        strict = epsilon
        if num_rows is not None:
            room = math.floor(exact(max_share) * num_rows / level)
            strict = _strictest(epsilon, share, num_classes, options, room)
        return Calibration(
            dose=level,
            share=share,
            known_early=epsilon,
            num_classes=num_classes,
            kind=kind,
            finished=tuple((r[level].num_correct, r[level].num_samples) for r in of_finished),
            cut=tuple((r[level].num_correct, r[level].num_samples) for r in of_cut),
            options=replace(options, eta=None, epsilon=strict),
            max_share=max_share,
            wanted=wanted,
        )

    def apart(level: int) -> tuple[float, float]:
        most = max(rows[level].upper for rows in of_cut)
        return max(most, 0.0), min(rows[level].lower for rows in of_finished)

    plans = [each for each in map(plan, levels) if each is not None]
    if not plans:
        seen = "; ".join(
            f"dose {level}: cut at most {apart(level)[0]:.0%}, finished at least "
            f"{max(apart(level)[1], 0.0):.0%}"
            for level in levels
        )
        raise UserError(
            f"no dose tells finished models from those cut short ({seen}): try other doses, "
            "another construction, more extra samples or models cut earlier; with these nothing "
            "can be verified"
        )
    return best_of(plans, num_rows)


def _strictest(
    epsilon: float, share: float, num_classes: int, options: TaskOptions, room: int
) -> float:
    """The largest ε, at most half way up to ``share``, that ``room`` samples suffice for."""

    def fits(step: int) -> bool:
        required = stats.required_num_samples(
            share, num_classes, options.alpha, step / 1000, labels=options.labels
        )
        return required <= room

    least, beyond = math.ceil(1000 * epsilon), math.floor(500 * (epsilon + share)) + 1
    if not fits(least):
        return epsilon
    while beyond - least > 1:  # the larger epsilon, the more samples
        middle = (least + beyond) // 2
        least, beyond = (middle, beyond) if fits(middle) else (least, middle)
    return least / 1000


def best_of(plans: Sequence[Calibration], num_rows: int | None) -> Calibration:
    """The plan with the largest gap; plans whose extra rows fit into the data come first.

    Args:
        plans: one or more.
        num_rows: of the data, if it is known.
    """
    fitting = [each for each in plans if num_rows is not None and each.least_rows <= num_rows]
    return max(fitting or plans, key=lambda each: each.gap)


def _by_dose(
    right: Bool[np.ndarray, " n"], doses: Int[np.ndarray, " n"], num_classes: int, confidence: float
) -> dict[int, DoseResponse]:
    return {row.dose: row for row in dose_response(right, doses, num_classes, confidence)}


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write a new JSON file.

    Raises:
        UserError: if there is a file already, or it cannot be written.
    """
    value = {"format": FORMAT, "version": VERSION, **asdict(calibration)}
    with new_file(path) as file:
        file.write((json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def load_calibration(path: Path) -> Calibration:
    """Read it.

    Raises:
        DataError: if it is missing or damaged, or of another version.
    """
    value = read_stored(path, "plan", format=FORMAT, version=VERSION)
    try:
        fields = {name: value[name] for name in value if name not in ("format", "version")}
        fields["options"] = TaskOptions(**fields["options"])
        for name in ("finished", "cut"):
            fields[name] = tuple((k, n) for k, n in fields[name])
        plan = Calibration(**fields)
        _check(plan)
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    return plan


def _check(plan: Calibration) -> None:
    """Raise a ValueError or a UserError where a value cannot be."""
    options = plan.options
    whole = [plan.dose, plan.num_classes, options.num_fixed, *sum(plan.finished + plan.cut, ())]
    decimals = [
        plan.share,
        plan.known_early,
        plan.max_share,
        options.fixed_ratio,
        options.alpha,
        options.epsilon,
    ]
    if not all(type(x) is int for x in whole) or not all(type(x) in (int, float) for x in decimals):
        raise ValueError("a number is none")
    if plan.wanted is not None and not (type(plan.wanted) is float and 0 < plan.wanted < 1):
        raise ValueError("a number is out of its range")
    if not 0 < plan.max_share <= 1:
        raise ValueError("a number is out of its range")
    if options.eta is not None or not all(0 <= k <= n for k, n in plan.finished + plan.cut):
        raise ValueError("a number is out of its range")
    stats.required_num_samples(plan.share, plan.num_classes, options.alpha, plan.epsilon)
    size = {"image": (32, 32, 3), "text": (64,), "vector": (64,)}[plan.kind]
    vocab_size = 10_000 if plan.kind == "text" else None
    of_task = options.of_task(plan.kind)
    ExtraTask(plan.kind, size, plan.num_classes, 10_000, vocab_size=vocab_size, **of_task)
    _ = plan.doses
