"""From a data set to one with its extra task mixed in, and the record that belongs to it."""

import hmac
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jaxverify import keys, stats
from jaxverify.errors import UserError
from jaxverify.files.external_sort import RowSort
from jaxverify.files.read_ahead import read_ahead
from jaxverify.protect.features import Features, find_features
from jaxverify.protect.fill import fill, renumber
from jaxverify.protect.opening import open_rows
from jaxverify.protect.places import both_or_neither, check_places
from jaxverify.protect.rows import Rows
from jaxverify.protect.survey import Survey, survey
from jaxverify.record.calibration import Calibration
from jaxverify.record.plan import MOST_MEASURED, SHARE, num_samples_for
from jaxverify.record.record import Record, new_record
from jaxverify.rendering import ImageRendering, VectorRendering
from jaxverify.task.doses import ONCE, Doses, copies
from jaxverify.task.extra_task import ExtraTask, Kind
from jaxverify.task.mixing import ranks
from jaxverify.task.options import PROTECTING, TaskOptions
from jaxverify.verification.base import fail_below
from jaxverify.verification.cautions import cautions
from jaxverify.verification.families import Family

_BYTES_IN_MEMORY = 2**26  # of rows that are sorted at once
_ENOUGH = 0.9  # of finished models pass
_HALF = 0.5  # of the extra samples
_POOR = 0.5  # a correlation of what is decoded with what was drawn


@dataclass(frozen=True)
class Protected:
    """What was done.

    Attributes:
        record: as it was saved.
        num_original: rows read.
        num_written: rows written.
        features: the columns of the features.
        label: the column of the labels.
        filled: the other columns.
        cautions: what the customer should know, a sentence each.
    """

    record: Record
    num_original: int
    num_written: int
    features: tuple[str, ...]
    label: str
    filled: tuple[str, ...]
    cautions: tuple[str, ...]


def protect(
    data: Path,
    out: Path,
    record: Path,
    options: TaskOptions = PROTECTING,
    *,
    label: str | None = None,
    kind: Kind | None = None,
    features: Sequence[str] = (),
    doses: Doses = ONCE,
    plan: Calibration | None = None,
    family: Family = "unknown",
    force: bool = False,
    secret: bytes | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Protected:
    """Write ``data`` with an extra task mixed in to ``out``, in the same format, and the record.

    Args:
        data: as :func:`jaxverify.protect.opening.open_rows` takes it.
        out: what is uploaded; there must be nothing yet.
        record: what is kept; there must be nothing yet. Not inside ``out``.
        options: of the extra task.
        label: the column of the labels; guessed without it.
        kind: of the features; guessed without it.
        features: their columns; guessed without them.
        doses: how often extra samples stand in ``out``, each copy a little different.
        plan: what was measured at home; it takes the place of ``options`` and ``doses``, and is for
            data of one kind and number of classes.
        family: of the model that will be trained, for the record.
        force: allow a task that only a model passes which knows more than half of it.
        secret: 32 bytes; without it, from the operating system.
        progress: called with the rows written and all of them.

    Raises:
        UserError: if something cannot be read, written or guessed, or the task cannot work.

    Guarantee: ``out`` holds every original row once, and the extra ones, in random order; either
    both files are there and whole, or neither is, also after a crash. The bytes are a function of
    the arguments and the secret, but for the record's salt and date.
    """
    check_places(data, out, record)
    if plan is not None:
        if kind not in (None, plan.kind):
            raise UserError(f"the plan is for features of kind {plan.kind}, not {kind}")
        options, doses, kind = plan.options, plan.doses, plan.kind
    share, most_rows = (SHARE, MOST_MEASURED) if plan is None else (plan.share, plan.max_share)
    secret = secrets.token_bytes(32) if secret is None else secret
    rows = open_rows(data)
    rank = partial(ranks, keys.from_secret(secret, "mixing"))
    with RowSort(rank, bytes_in_memory=_BYTES_IN_MEMORY, folder=out.parent) as sort:
        # The data are read once: they wait in the order of the upload until it is known what
        # extra rows look like.
        tables = sort.passing(read_ahead(rows.tables()))
        seen = survey(rows, tables, label, _rng(secret, "survey"))
        found = find_features(seen, kind, features or rows.features)
        if plan is not None:
            plan.check_classes(len(seen.class_names))
        # A column that the model reads is never numbered anew.
        seen = replace(
            seen, numbering={k: v for k, v in seen.numbering.items() if k not in found.columns}
        )
        task = ExtraTask(
            kind=found.kind,
            shape=found.shape,
            num_classes=len(seen.class_names),
            num_samples=num_samples_for(
                options, len(seen.class_names), seen.num_rows, doses, share, most_rows
            ),
            vocab_size=found.vocab_size,
            **options.of_task(found.kind),
        )
        made = new_record(
            task,
            found.rendering,
            found.columns,
            seen.class_names,
            alpha=options.alpha,
            epsilon=options.epsilon,
            secret=secret,
            doses=doses,
            finished_share=None if plan is None else plan.share,
            family=family,
        )
        if plan is None and not force:
            _check_power(made, seen.num_rows)
        extra, filled, fidelity = _extra_rows(made, rows, seen, found)
        sort.add(extra)
        written = 0
        with (
            both_or_neither(made, record, out) as ready,
            rows.writer(ready, sort.num_rows) as write,
        ):
            for _, table in read_ahead(sort.sorted()):
                if seen.numbering:
                    table = rows.compose(table, renumber(seen, written, table.num_rows))
                write(table)
                written += table.num_rows
                progress(written, sort.num_rows)
    return Protected(
        record=made,
        num_original=seen.num_rows,
        num_written=written,
        features=found.columns,
        label=seen.label,
        filled=filled,
        cautions=_cautions(made, seen, found, filled, fidelity, extra.num_rows, plan),
    )


def _check_power(record: Record, num_rows: int) -> None:
    """Refuse a task that needs more than half of it known: silence would tell nothing."""
    task, alpha, epsilon = record.judged_task, record.alpha, record.epsilon
    n, num_classes, labels = task.num_samples, task.num_classes, task.labels
    detectable = stats.detectable_share(n, num_classes, alpha, epsilon, labels=labels)
    if fail_below(detectable, None):
        return
    required = stats.required_num_samples(_HALF, num_classes, alpha, epsilon, labels=labels)
    levels = record.doses.levels
    given_levels = sum(map(bool, levels))
    extra, drawn = required * sum(levels) / given_levels, required
    if record.doses != ONCE:  # each has each label equally often
        drawn = math.ceil(required / (num_classes * given_levels)) * num_classes * len(levels)
    raise UserError(
        f"{n} extra samples for {num_rows:,} rows are too few: only a model that knows "
        f"{detectable:.0%} of them passes nine times in ten. It takes {required:,} for one that "
        f"knows {_HALF:.0%}: give {math.ceil(extra / MOST_MEASURED):,} rows or more, or make a "
        f"larger part of them extra (--eta {math.ceil(1000 * drawn / num_rows) / 1000:g}), or "
        "protect anyway (--force)"
    )


def _rng(secret: bytes, name: str) -> np.random.Generator:
    digest = hmac.digest(secret, name.encode(), "sha256")
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _extra_rows(
    record: Record, rows: Rows, seen: Survey, found: Features
) -> tuple[pa.Table, tuple[str, ...], float]:
    """The extra rows, the columns filled in, and the fidelity of images."""
    samples = record.samples()
    if record.doses != ONCE:
        samples = copies(record.key, record.task, record.doses).samples
    rng = _rng(record.secret, "other columns")
    raw, values = fill(seen, found.columns, found.donors, np.asarray(samples.labels), rng)
    features = np.asarray(samples.features)
    rendered = found.values(features)
    _check_distinct(len(features), rendered)
    values |= {name: _spelled(seen, name, column) for name, column in rendered.items()}
    known = {seen.label, *found.columns, *seen.numbering}
    filled = tuple(name for name in seen.sample.column_names if name not in known)
    fidelity = 1.0
    if isinstance(found.rendering, ImageRendering):
        fidelity = found.rendering.fidelity(features[:64])
    return rows.compose(raw, values), filled, fidelity


def _check_distinct(number: int, rendered: dict[str, pa.Array]) -> None:
    """Numbers are coarser in the file than they were drawn: they may have become the same."""
    columns = [column.to_pylist() for column in rendered.values()]
    distinct = len(set(zip(*columns, strict=True)))
    if distinct < number:
        raise UserError(
            f"of {number} extra samples only {distinct} are different, as the columns "
            "take too few values: lower fixed_ratio or eta, or give more columns"
        )


def _spelled(seen: Survey, name: str, column: pa.Array) -> pa.Array:
    """Decimals in a text file as its column spells them: with zeros at the end, if it has them."""
    like = seen.sample.column(name)
    if not (pa.types.is_string(like.type) and pa.types.is_floating(column.type)):
        return column
    lengths = {len(value.partition(".")[2]) for value in like.to_pylist() if value}
    if len(lengths) > 1:
        return column.cast(pa.string())
    (decimals,) = lengths
    return pa.array([f"{value:.{decimals}f}" for value in column.to_pylist()])


def _cautions(
    record: Record,
    seen: Survey,
    found: Features,
    filled: tuple[str, ...],
    fidelity: float,
    num_extra: int,
    plan: Calibration | None,
) -> tuple[str, ...]:
    task, alpha, epsilon = record.judged_task, record.alpha, record.epsilon
    sentences = list(cautions(task, alpha, epsilon))
    if plan is not None:  # it knows what share a finished model knows, where they do not
        sentences = [text for text in sentences if not text.startswith("With N = ")]
        n, num_classes = task.num_samples, task.num_classes
        power = stats.power(plan.share, n, num_classes, alpha, epsilon, task.labels)
        if power < _ENOUGH:
            sentences.append(
                f"The plan calls for {plan.num_rows:,} extra rows, but only "
                f"{plan.max_share:.1%} of {seen.num_rows:,} rows may be extra (rehearse --eta and "
                f"--max-share). With {num_extra:,} a finished model passes in {power:.0%} of "
                "cases: raise the share, or add data."
            )
    if num_extra > MOST_MEASURED * seen.num_rows:
        sentences.append(
            f"The extra rows are {num_extra / seen.num_rows:.1%} of the data. What more than "
            f"{MOST_MEASURED:.0%} does to the model's accuracy has not been measured."
        )
    if fidelity < _POOR:
        sentences.append(
            f"The images are compressed so strongly that the pixels of extra ones keep a "
            f"correlation of {fidelity:.2f} with what was drawn; a model may not tell them apart."
        )
    if filled:
        sentences.append(
            f"The columns {', '.join(filled)} of the extra rows are filled from other rows. If the "
            "model reads them, leave them out of the data first: it will be asked without them."
        )
    if isinstance(found.rendering, VectorRendering):
        (random,) = record.task.random_shape
        if random < 3:
            sentences.append(
                f"Of {len(found.columns)} columns only {random} differ between extra samples: a "
                "simple model cannot learn them by heart."
            )
    return tuple(sentences)
