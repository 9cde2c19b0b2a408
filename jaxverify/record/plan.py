"""How large an extra task a customer needs, before anything is uploaded."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.task.decimals import exact
from jaxverify.task.doses import ONCE, Doses
from jaxverify.task.options import TaskOptions

if TYPE_CHECKING:
    from rich.console import Group

_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SHARE = 0.1  # of the extra samples, with which a model is to pass
MOST_SAMPLES = 2**24  # extra ones: beyond, a record is damaged, not large
MOST_MEASURED = 0.04  # the largest η in the paper's tables and in ours


class Point(NamedTuple):
    """How a model that has memorised ``share`` of the extra task fares.

    Attributes:
        share: the memorised share.
        power: the probability that it passes, under the plan's N.
        num_samples: the N with which it passes with the power that was asked for; None where the
            share is too close to epsilon.
    """

    share: float
    power: float
    num_samples: int | None


@dataclass(frozen=True)
class Plan:
    """An extra task's size and what it can do; from :func:`make_plan`.

    Attributes:
        num_original: |D|.
        num_classes: C.
        num_samples: N.
        eta: η = N / |D|.
        alpha: α.
        epsilon: ε.
        share: the memorised share that was planned for.
        target_power: the probability that was asked for, of a pass at this share.
        power: the probability that N gives.
        threshold_count: k*; a model passes with more right answers.
        threshold: T = k* / N.
        size: the probability of a wrong pass where the null hypothesis just holds.
        detectable_share: the share at which N gives ``target_power``.
        curve: over the shares, the power, and the N that each would need.
        cautions: what speaks against the plan, a sentence each.
        labels: of the extra samples.
    """

    num_original: int
    num_classes: int
    num_samples: int
    eta: float
    alpha: float
    epsilon: float
    share: float
    target_power: float
    power: float
    threshold_count: int
    threshold: float
    size: float
    detectable_share: float
    curve: tuple[Point, ...]
    cautions: tuple[str, ...]
    labels: stats.Labels = "iid"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = asdict(self)
        curve = [point._asdict() for point in self.curve]
        return plain | {"curve": curve, "cautions": list(self.cautions)}

    def __rich__(self) -> "Group":
        """A page for the terminal: ``rich.print(plan)``."""
        from jaxverify.report.planning import plan_page

        return plan_page(self.to_dict())


def make_plan(
    num_original: int,
    num_classes: int,
    *,
    eta: float | None = None,
    share: float = 0.1,
    power: float = 0.9,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    labels: stats.Labels = "iid",
) -> Plan:
    """The smallest extra task with which a converged model passes, or what a given one can do.

    Args:
        num_original: |D|, the size of the training set.
        num_classes: C.
        eta: η; with it N = ceil(η |D|) is given, without it N is found from ``share``.
        share: the share of the extra task with which a model is to pass.
        power: the probability with which such a model is to pass.
        alpha: α, the probability with which one that has not converged may pass.
        epsilon: ε, the share of extra samples that may be learned before convergence.
        labels: of the extra samples, "iid" or "balanced"; the latter call for a few more.

    Raises:
        UserError: if a value is out of its range, or no N, or not the N of this eta, can work.

    Guarantee: without ``eta``, a model that has memorised ``share`` of the extra task and guesses
    the rest passes with at least ``power``.

    >>> make_plan(50_000, 10).num_samples
    454
    >>> make_plan(25_000, 2, eta=0.008).detectable_share > 0.28
    True
    """
    if num_original < 1:
        raise UserError(f"the training set has {num_original} samples; it needs at least 1")
    required = stats.required_num_samples(share, num_classes, alpha, epsilon, power, labels)
    n = required if eta is None else num_samples_of(eta, num_original)
    limit = stats.threshold(n, num_classes, alpha, epsilon, labels)
    found = stats.power(share, n, num_classes, alpha, epsilon, labels)
    return Plan(
        num_original=num_original,
        num_classes=num_classes,
        num_samples=n,
        eta=n / num_original,
        alpha=alpha,
        epsilon=epsilon,
        share=share,
        target_power=power,
        power=found,
        threshold_count=limit.count,
        threshold=limit.accuracy,
        size=limit.size,
        detectable_share=stats.detectable_share(n, num_classes, alpha, epsilon, power, labels),
        curve=tuple(
            Point(
                at,
                stats.power(at, n, num_classes, alpha, epsilon, labels),
                _required(at, num_classes, alpha, epsilon, power, labels),
            )
            for at in sorted({*_SHARES, share})
        ),
        cautions=_cautions(n, num_original, required, found, share, power),
        labels=labels,
    )


def num_samples_of(eta: float, num_original: int) -> int:
    """N = ceil(η |D|), exact where η is a decimal number.

    Raises:
        UserError: if eta is no positive number, or makes more samples than a record may have.

    >>> num_samples_of(0.008, 25_000)
    200
    """
    if not (math.isfinite(eta) and eta > 0):
        raise UserError(f"eta is {eta}; it is a positive share of the data set, such as 0.008")
    num_samples = math.ceil(exact(eta) * num_original)
    if num_samples > MOST_SAMPLES:
        raise UserError(
            f"eta is {eta:g}, which makes more than {MOST_SAMPLES:,} extra samples: give a share "
            "of the data set, such as 0.008"
        )
    return num_samples


def num_samples_for(
    options: TaskOptions,
    num_classes: int,
    num_original: int,
    doses: Doses = ONCE,
    share: float = SHARE,
    most_rows: float = MOST_MEASURED,
) -> int:
    """How many extra samples a data set gets, those of dose 0 counted.

    Without an eta there are enough for a model that knows ``share`` of them to pass nine times in
    ten, but no more than take ``most_rows`` of the data's rows. Several doses are dealt out evenly:
    then it is a multiple of their number times that of the classes, the next above if it fits.

    Raises:
        UserError: if eta is no positive number, or so few that no model could pass.
    """
    alpha, epsilon, labels = options.alpha, options.epsilon, options.labels
    if options.eta is None:
        planned = stats.required_num_samples(share, num_classes, alpha, epsilon, labels=labels)
        # Those that are given must be as many; and the rows that they take may not be too many.
        levels = doses.levels
        most = math.ceil(exact(most_rows) * num_original * len(levels) / sum(levels))
        num_samples = min(math.ceil(planned * len(levels) / sum(map(bool, levels))), most)
    else:
        num_samples = most = num_samples_of(options.eta, num_original)
    if doses != ONCE:  # so that each dose has each label equally often
        unit = num_classes * len(doses.levels)
        num_samples = max(min(math.ceil(num_samples / unit), most // unit), 1) * unit
    given = num_samples * sum(map(bool, doses.levels)) // len(doses.levels)
    stats.threshold(max(given, 1), num_classes, alpha, epsilon, labels)  # raises if none could pass
    return num_samples


def _required(
    share: float,
    num_classes: int,
    alpha: float,
    epsilon: float,
    power: float,
    labels: stats.Labels,
) -> int | None:
    try:
        return stats.required_num_samples(share, num_classes, alpha, epsilon, power, labels)
    except UserError:  # too close to epsilon
        return None


def _cautions(
    n: int, num_original: int, required: int, found: float, share: float, power: float
) -> tuple[str, ...]:
    sentences = []
    if found < power:
        sentences.append(
            f"With N = {n:,} a model that has memorised {share:.0%} of the extra task passes in "
            f"{found:.0%} of the cases only; N = {required:,} would make it {power:.0%}."
        )
    if n > MOST_MEASURED * num_original:
        sentences.append(
            f"The extra task is {n / num_original:.1%} of the training set. What more than "
            f"{MOST_MEASURED:.0%} does to the model's accuracy has not been measured; a larger "
            "training set, or a network that memorises more, needs less."
        )
    return tuple(sentences)
