"""``jaxverify verify``: ask the model, and judge what it said."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxverify.challenge import ID, Own, questions
from jaxverify.cli import own_samples, sources
from jaxverify.cli.evidence import add_evidence, dose_cautions, family_cautions, rows_cautions
from jaxverify.cli.judging import Judge
from jaxverify.cli.outputs import check_outputs, files_written, screen_of, write_output
from jaxverify.cli.subject import subject
from jaxverify.errors import UserError
from jaxverify.files.outputs import check_output
from jaxverify.files.standard import STANDARD
from jaxverify.predictors.asking import Answered, ask_all
from jaxverify.predictors.cache_check import AGAIN, Kept, check_kept
from jaxverify.predictors.reading import read_all
from jaxverify.printable import printable
from jaxverify.record import ledger
from jaxverify.record.record import Record, load
from jaxverify.report.explanation import explanation
from jaxverify.report.in_toto import Subject, statement
from jaxverify.report.json_head import head, now
from jaxverify.report.terminal import page
from jaxverify.screen import progress_bar
from jaxverify.verification.misread import TELLING


def run(options: argparse.Namespace) -> int:
    """Ask, judge, and report."""
    _check(options)
    record = load(options.record)
    places = _places(options, record)
    earlier = [] if places is None else ledger.read(places)
    ledger.check(earlier, options.shard)
    judge = Judge.of(record, options.shard, options.test)
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
        time=now(),
        misread=facts["misread"],
    )
    if places is not None:
        earlier = ledger.add(places, attempt)
    facts["cautions"] += ledger.caution(None if places is None else earlier, attempt)
    facts |= {"finished_share": record.finished_share, "family": record.family}
    facts["cautions"] += family_cautions(facts)
    facts |= explanation(facts)
    facts |= {
        "model": source.name,
        "digest": source.digest,
        "commitment": record.commitment(),
        "shard": str(options.shard),
        "ledger": None if places is None else [str(path) for path in places.files],
    }
    _report(options, record, {**head("verdict"), **facts}, source, about)
    return 0 if facts["passed"] else 1


def _places(options: argparse.Namespace, record: Record) -> ledger.Places | None:
    return None if options.no_ledger else ledger.Places.of(options.record, record.commitment())


def _check(options: argparse.Namespace) -> None:
    if options.test == "sequential":
        for name in ("twins", "own"):
            if getattr(options, name):
                raise UserError(
                    f"--{name} compares whole sets of answers: leave --test sequential out"
                )
    outputs = {"--html": options.html, "--in-toto": options.in_toto}
    models = [options.predictions, options.onnx, options.torch, options.model, options.run]
    given = [options.own, options.cache, options.class_order, *models]
    beside = [] if options.record == STANDARD else [ledger.ledger_path(options.record)]
    never = [options.record, *beside, *given]
    check_outputs(outputs, force=options.force, never=never, json=options.json)
    if options.cache is not None and not options.cache.exists():
        check_output(options.cache)
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
            labels=dict(zip(judge.ids, judge.labels.tolist(), strict=True)),
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

    with progress_bar(quiet=options.quiet) as progress:
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


def _report(
    options: argparse.Namespace,
    record: Record,
    facts: dict[str, Any],
    source: sources.Source,
    about: Subject | None,
) -> None:
    if options.html is not None:
        write_output(options.html, _page(record, facts, source).encode(), force=options.force)
    if about is not None:
        value = statement(facts, subject=about, commitment=record.commitment())
        content = (json.dumps(value, indent=2) + "\n").encode()
        write_output(options.in_toto, content, force=options.force)
    console = screen_of(options, options.html, options.in_toto)
    if options.json:
        print(json.dumps(facts, indent=2, allow_nan=False))
    else:
        console.print(page(facts))
        files = {"page": options.html, "statement": options.in_toto, "answers": options.cache}
        files_written(console, files)


def _page(record: Record, facts: dict[str, Any], source: sources.Source) -> str:
    from jaxverify.report.html import verdict_html

    about = {
        "Record made": record.created,
        "Commitment to the record": record.commitment(),
        "Answers": source.name + (f", SHA-256 {source.digest}" if source.digest else ""),
        "Judged": facts["date"],
        "Attempts": "no ledger was kept" if facts["ledger"] is None else "in the ledger",
        "By": f"jaxverify {facts['program']}",
    }
    # What a model, a file name or a class name may hold is shown, and does nothing.
    return "\n".join(map(printable, verdict_html(facts, about).split("\n")))
