"""``jaxverify challenge`` and ``jaxverify verify``: ask the model, and judge what it said."""

import argparse
import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxverify import __version__
from jaxverify.atomic import write_atomic
from jaxverify.errors import DataError, UserError
from jaxverify.predictors.answers import Classes, in_order
from jaxverify.record import Record, load

_CHALLENGE = """\
Write the questions for the model: the extra samples, in an order that tells nothing, each with an
id. Get a prediction for each, by whatever means the cloud offers, and give them to verify.

  jaxverify challenge record.json --out questions.csv
"""
_VERIFY = """\
Was the model trained to the end? Reads the model's answers to what challenge wrote: a CSV, Parquet,
JSON or JSON Lines file with the ids, and a label or scores for each.

  jaxverify verify record.json --predictions answers.csv

Exit status 0: it passed. 1: it did not. 2: an error.
"""


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommands."""
    form = argparse.RawDescriptionHelpFormatter
    challenge = subparsers.add_parser(
        "challenge",
        help="write the questions for the model",
        description=_CHALLENGE,
        formatter_class=form,
    )
    challenge.add_argument("record", type=Path)
    challenge.add_argument("--out", type=Path, required=True, help=_OUT)
    challenge.set_defaults(run=_challenge)
    verify = subparsers.add_parser(
        "verify", help="judge the model's answers", description=_VERIFY, formatter_class=form
    )
    add = verify.add_argument
    add("record", type=Path)
    how = verify.add_mutually_exclusive_group(required=True)
    how.add_argument("--predictions", type=Path, metavar="FILE", help="the model's answers")
    how.add_argument("--url", help="ask the model behind this endpoint")
    add("--indices", action="store_true", help=_INDICES)
    add("--test", choices=("binomial", "permutation"), default="binomial", help=_TEST)
    add("--json", action="store_true", help="print one JSON object instead of a page")
    add("--html", type=Path, metavar="FILE.html", help=_HTML)
    asking = verify.add_argument_group("with --url")
    add = asking.add_argument
    add("--protocol", choices=("v1", "v2", "mlflow"), default="v1", help=_PROTOCOL)
    add("--named", action="store_true", help="send the names of the columns too, with v1 and v2")
    add("--auth-env", metavar="NAME", help="an environment variable: the Authorization header")
    add("--batch-size", type=int, default=32, help="questions in a request (%(default)s)")
    add("--timeout", type=float, default=60.0, help="seconds for an answer (%(default)s)")
    add("--retries", type=int, default=5, help="of a request that failed (%(default)s)")
    add("--budget", type=int, help="how many questions may be asked")
    add("--cache", type=Path, metavar="FILE.jsonl", help=_CACHE)
    verify.set_defaults(run=_verify)


_OUT = "a file that ends in .csv, .jsonl, .parquet or .npz; or, of images, a folder"
_INDICES = """\
numbers are class indices from 0, in the order that show prints, even if classes are called by
numbers themselves"""
_PROTOCOL = """\
v1: TF Serving, Vertex AI, KServe. v2: Open Inference Protocol. mlflow: its /invocations
(%(default)s)"""
_CACHE = "keep the answers here, and go on with them after a failure"
_HTML = "write a page to be shown to others: one file, which needs no network"
_TEST = "the paper's, or one that assumes less and knows no epsilon (%(default)s)"


def _challenge(options: argparse.Namespace) -> int:
    from jaxverify.challenge import questions, write_questions

    record = load(options.record)
    write_questions(questions(record), record.rendering, options.out)
    console = Console()
    console.print(f"{record.task.num_samples:,} questions: {options.out}", soft_wrap=True)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from jaxverify.challenge import sample_ids
    from jaxverify.predictors.file import read_answers
    from jaxverify.verification import verify_answers

    record = load(options.record)
    classes = Classes(record.class_names, options.indices)
    if options.url is not None:
        found, source = _ask(options, record, classes), options.url
    else:
        found = read_answers(options.predictions, classes)
        digest = sha256(options.predictions.read_bytes()).hexdigest()
        source = f"{options.predictions.name}, SHA-256 {digest}"
    ids = sample_ids(record)
    if not any(name in found for name in ids):
        raise DataError(
            f"{options.predictions} answers none of this record's questions: is it to another?"
        )
    record.samples()  # raises where this JAX would draw others
    verdict = verify_answers(
        in_order(found, ids),
        record.key,
        record.task,
        alpha=record.alpha,
        epsilon=record.epsilon,
        test=options.test,
    )
    if options.html is not None:
        write_atomic(options.html, _page(record, verdict.to_dict(), source).encode())
    if options.json:
        print(verdict.to_json())
    else:
        console = Console()
        console.print(verdict)
        missing = sum(name not in found for name in ids)
        if missing:
            console.print(
                f"{missing:,} of {len(ids):,} questions were not answered, and count as wrong",
                style="yellow",
                highlight=False,
            )
    return 0 if bool(verdict.passed) else 1


def _ask(options: argparse.Namespace, record: Record, classes: Classes) -> dict[str, int]:
    import requests
    from rich.progress import Progress

    from jaxverify.challenge import ID, questions
    from jaxverify.predictors.asking import Answered, ask_all
    from jaxverify.predictors.http import Endpoint, ask

    headers = ()
    if options.auth_env is not None:
        if options.auth_env not in os.environ:
            raise UserError(f"the environment variable {options.auth_env} is not set")
        headers = (("Authorization", os.environ[options.auth_env]),)
    endpoint = Endpoint(
        options.url, options.protocol, options.named, options.timeout, options.retries, 1.0, headers
    )
    columns = questions(record)
    ids = columns.pop(ID)
    words = f"{options.url}, {options.protocol}{', named' if options.named else ''}"
    answered = Answered(options.cache, f"{words}, record {record.commitment()}")
    with (
        Progress(console=Console(stderr=True), transient=True) as progress,
        requests.Session() as session,
    ):
        bar = progress.add_task("asking", total=len(ids))
        return ask_all(
            lambda some: ask(endpoint, some, classes, session=session),
            columns,
            ids,
            answered,
            batch_size=options.batch_size,
            budget=options.budget,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def _page(record: Record, facts: dict[str, Any], source: str) -> str:
    from jaxverify.report.html import verdict_html

    about = {
        "Record made": record.created,
        "Commitment to the record": record.commitment(),
        "Answers": source,
        "Judged": datetime.now(UTC).isoformat(timespec="seconds"),
        "By": f"jaxverify {__version__}",
    }
    return verdict_html(facts, about)
