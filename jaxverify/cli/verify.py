"""``jaxverify verify``: ask the model, and judge what it said."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxverify import __version__
from jaxverify.atomic import write_atomic
from jaxverify.cli import sources
from jaxverify.cli.shards import shard
from jaxverify.predictors.answers import in_order
from jaxverify.record import Record, load

_DOC = """\
Was the model trained to the end? Asks it the questions of the extra task, or reads the answers that
it gave to what challenge wrote, and judges them.

  jaxverify verify record.json --predictions answers.csv
  jaxverify verify record.json --url https://.../v1/models/mine:predict --cache answers.jsonl

Exit status 0: it passed. 1: it did not. 2: an error.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "verify",
        help="ask the model, and judge its answers",
        description=_DOC,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", type=Path)
    sources.add_to(parser)
    asking = parser.add_argument_group("asking")
    add = asking.add_argument
    add("--batch-size", type=int, default=32, help="questions at once (%(default)s)")
    add("--budget", type=int, help="how many questions may be asked")
    add("--cache", type=Path, metavar="FILE.jsonl", help=_CACHE)
    add("--shard", type=shard, metavar="J/K", help=_SHARD)
    judging = parser.add_argument_group("the verdict")
    add = judging.add_argument
    add("--test", choices=("binomial", "permutation"), default="binomial", help=_TEST)
    add("--json", action="store_true", help="print one JSON object instead of a page")
    add("--html", type=Path, metavar="FILE.html", help=_HTML)
    parser.set_defaults(run=_run)


_CACHE = "keep the answers here, and go on with them after a failure"
_SHARD = "the Jth of K attempts: another part of the questions, and alpha/K, for each"
_HTML = "write a page to be shown to others: one file, which needs no network"
_TEST = "the paper's, or one that assumes less and knows no epsilon (%(default)s)"


def _run(options: argparse.Namespace) -> int:
    from jaxverify.challenge import ID, asked_indices, questions, sample_ids
    from jaxverify.verification import verify_answers

    record = load(options.record)
    asked = questions(record, options.shard)
    source = sources.open_source(options, record, asked[ID])
    found = _ask(options, record, source, asked)
    indices = asked_indices(record, record.samples().labels, options.shard)
    ids = sample_ids(record)
    verdict = verify_answers(
        in_order(found, [ids[i] for i in indices]),
        record.key,
        record.task,
        alpha=record.alpha / (1 if options.shard is None else options.shard.of),
        epsilon=record.epsilon,
        test=options.test,
        indices=indices,
    )
    if options.html is not None:
        write_atomic(options.html, _page(record, verdict.to_dict(), source).encode())
    if options.json:
        print(verdict.to_json())
    else:
        console = Console()
        console.print(verdict)
        if unknown := int(verdict.num_unknown):
            console.print(
                f"{unknown:,} of {len(ids):,} questions have no answer that is a class; these "
                "count as wrong",
                style="yellow",
                highlight=False,
            )
    return 0 if bool(verdict.passed) else 1


def _ask(
    options: argparse.Namespace,
    record: Record,
    source: sources.Source,
    asked: Mapping[str, list[Any]],
) -> dict[str, int]:
    from rich.progress import Progress

    from jaxverify.challenge import ID
    from jaxverify.predictors.asking import Answered, ask_all

    answered = Answered(options.cache, f"{source.asked_as}, record {record.commitment()}")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("asking", total=len(asked[ID]))
        return ask_all(
            source.ask,
            asked,
            answered,
            batch_size=options.batch_size,
            budget=options.budget,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def _page(record: Record, facts: dict[str, Any], source: sources.Source) -> str:
    from jaxverify.report.html import verdict_html

    about = {
        "Record made": record.created,
        "Commitment to the record": record.commitment(),
        "Answers": source.name + (f", SHA-256 {source.digest}" if source.digest else ""),
        "Judged": datetime.now(UTC).isoformat(timespec="seconds"),
        "By": f"jaxverify {__version__}",
    }
    return verdict_html(facts, about)
