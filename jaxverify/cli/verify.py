"""``jaxverify verify``: ask the model, and judge what it said."""

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from jaxverify import __version__
from jaxverify.challenge import ID, Own, questions
from jaxverify.cli import own_samples, sources
from jaxverify.cli.evidence import add_evidence, dose_cautions, family_cautions, rows_cautions
from jaxverify.cli.judging import Judge
from jaxverify.cli.subject import subject
from jaxverify.errors import UserError
from jaxverify.files.whole import write_whole
from jaxverify.predictors.asking import Answered, ask_all
from jaxverify.predictors.cache_check import AGAIN, Kept, check_kept
from jaxverify.predictors.reading import read_all
from jaxverify.record import ledger
from jaxverify.record.record import Record, load
from jaxverify.report.explanation import explanation
from jaxverify.report.in_toto import Subject, statement
from jaxverify.report.terminal import page
from jaxverify.verification.misread import TELLING


def run(options: argparse.Namespace) -> int:
    """Ask, judge, and report."""
    record = load(options.record)
    attempts = ledger.read(ledger.ledger_path(options.record))
    ledger.check(attempts, options.shard)
    judge = Judge.of(record, options.shard, options.test)
    _check(options)
    own = own_samples.read(options, record)
    source = sources.open_source(options, record, judge.ids)
    about = subject(options, source)
    said, kept = _ask(options, judge, source, _questions(options, record, own))
    indices = read_all(said, source.classes)
    facts = judge.verdict(indices).to_dict()
    if options.twins:
        facts["twins"] = judge.twins(indices)
    if judge.has_control:
        facts["doses"] = judge.by_dose(indices)
        facts["cautions"] += dose_cautions(facts)
    if facts["passed"] and judge.test != "sequential":
        facts["rows_used"] = judge.rows_used(indices)
        facts["cautions"] += rows_cautions(facts["rows_used"])
    if own is not None:
        facts["own"] = judge.own(indices, own, options.own_accuracy)
        facts["outcome"] = _worse(facts["outcome"], facts["own"]["outcome"])
        facts["passed"] = facts["outcome"] == "PASS"
    add_evidence(facts, judge, said, indices, source.classes, kept)
    how = options.test if own is None else f"{options.test}, own {options.own_accuracy}"
    attempt = ledger.Attempt(
        shard=str(options.shard),
        answers=ledger.fingerprint(judge.answers(indices, own), how),
        alpha=judge.alpha,
        outcome=facts["outcome"],
        model=source.name,
        time=_now(),
        misread=facts["misread"],
    )
    ledger.check_answers(attempts, attempt)
    facts["cautions"] += ledger.caution(attempts, attempt)
    _write_down(options.record, attempts, attempt)
    facts |= {"finished_share": record.finished_share, "family": record.family}
    facts["cautions"] += family_cautions(facts)
    facts |= explanation(facts)
    _report(options, record, facts, source, about)
    return 0 if facts["passed"] else 1


def _check(options: argparse.Namespace) -> None:
    if options.test == "sequential":
        for name in ("twins", "own"):
            if getattr(options, name):
                raise UserError(
                    f"--{name} compares whole sets of answers: leave --test sequential out"
                )
    for path in (options.html, options.in_toto):
        if path is not None and not path.absolute().parent.is_dir():
            raise UserError(f"{path} cannot be written: its folder is missing")
    if (options.own is None) != (options.own_accuracy is None):
        raise UserError("--own and --own-accuracy go together: the samples, and what to expect")


def _worse(*outcomes: str) -> str:
    return next(each for each in ("FAIL", "INCONCLUSIVE", "PASS") if each in outcomes)


def _questions(
    options: argparse.Namespace, record: Record, own: Own | None
) -> dict[str, list[Any]]:
    return questions(record, options.shard, with_twins=options.twins, own=own)


def _ask(
    options: argparse.Namespace,
    judge: Judge,
    source: sources.Source,
    asked: Mapping[str, list[Any]],
) -> tuple[dict[str, Any], Kept | None]:
    """What the model says to each question, and what of it was kept from before."""
    answered = Answered(options.cache, f"{source.asked_as}, record {judge.record.commitment()}")
    kept, budget = None, options.budget
    if source.digest is None:  # a file with a digest is the same file
        left = sum(name not in answered.said for name in asked[ID])
        most = AGAIN if budget is None else min(AGAIN, max(0, budget - left) // 2)
        kept = check_kept(
            *(source.ask, asked, answered, source.classes),
            most=most,
            rng=np.random.default_rng(),
        )
        if kept is not None and budget is not None:
            budget = max(0, budget - kept.asked_again * (2 if kept.differ else 1))

    def enough(said: Mapping[str, Any]) -> bool:
        try:
            indices = read_all(said, source.classes)
        except UserError:  # what comes next may decide how to read it
            return False
        outcome = judge.so_far(indices)
        # A FAIL after a few answers may be classes that are misread, which more answers tell.
        return outcome == "PASS" or (outcome == "FAIL" and len(indices) >= TELLING)

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("asking", total=len(judge.ids))
        said = ask_all(
            source.ask,
            asked,
            answered,
            batch_size=options.batch_size,
            budget=budget,
            in_part=judge.test == "sequential",
            enough=enough,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    return said, kept


def _write_down(record: Path, attempts: Sequence[ledger.Attempt], attempt: ledger.Attempt) -> None:
    """The attempt, but for one that only repeats an earlier one."""
    if attempt.answers in {each.answers for each in attempts}:
        return
    try:
        ledger.add(ledger.ledger_path(record), attempt)
    except UserError as error:  # a record may lie where nothing can be written
        Console(stderr=True).print(f"Caution: {error}", style="yellow", highlight=False)


def _report(
    options: argparse.Namespace,
    record: Record,
    facts: dict[str, Any],
    source: sources.Source,
    about: Subject | None,
) -> None:
    if options.html is not None:
        write_whole(options.html, _page(record, facts, source).encode())
    if about is not None:
        value = statement(facts, subject=about, commitment=record.commitment())
        write_whole(options.in_toto, (json.dumps(value, indent=2) + "\n").encode())
    if options.json:
        print(json.dumps(facts, indent=2, allow_nan=False))
        return
    Console().print(page(facts))


def _page(record: Record, facts: dict[str, Any], source: sources.Source) -> str:
    from jaxverify.report.html import verdict_html

    about = {
        "Record made": record.created,
        "Commitment to the record": record.commitment(),
        "Answers": source.name + (f", SHA-256 {source.digest}" if source.digest else ""),
        "Judged": _now(),
        "By": f"jaxverify {__version__}",
    }
    return verdict_html(facts, about)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
