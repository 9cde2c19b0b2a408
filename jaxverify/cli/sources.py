"""The options of ``verify`` that name a model, and how the model that they name is asked."""

import argparse
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.asking import AskBatch
from jaxverify.record import Record

if TYPE_CHECKING:
    from jaxverify.predictors.local import Model


@dataclass(frozen=True)
class Source:
    """A model that can be asked.

    Attributes:
        ask: some questions.
        name: what the model is called in a report.
        digest: SHA-256 of the file that it, or its answers, are in; None where there is no file.
        asked_as: all that an answer depends on, so that answers kept are not taken for others.
    """

    ask: AskBatch
    name: str
    digest: str | None
    asked_as: str


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--predictions", type=Path, metavar="FILE", help="the model's answers")
    how.add_argument("--onnx", type=Path, metavar="FILE.onnx", help="ask the model in this file")
    how.add_argument("--torch", type=Path, metavar="FILE.pt2", help=_TORCH)
    how.add_argument("--url", help="ask the model behind this endpoint")
    how.add_argument("--run", type=Path, metavar="FOLDER", help=_RUN)
    add = parser.add_argument
    add("--indices", action="store_true", help=_INDICES)
    add("--class-order", type=Path, metavar="FILE.json", help=_ORDER)
    add("--one-score", type=float, metavar="THRESHOLD", help=_ONE_SCORE)
    images = parser.add_argument_group("with --onnx and --torch, for images")
    add = images.add_argument
    add("--pixels", choices=("0-1", "0-255"), default="0-1", help=_PIXELS)
    add("--mean", type=numbers, default=(), metavar="M,...", help=_MEAN)
    add("--std", type=numbers, default=(), metavar="S,...", help="divided by at last, likewise")
    asking = parser.add_argument_group("with --url")
    add = asking.add_argument
    add("--protocol", choices=("v1", "v2", "mlflow"), default="v1", help=_PROTOCOL)
    add("--named", action="store_true", help="send the names of the columns too, with v1 and v2")
    add("--auth-env", metavar="NAME", help="an environment variable: the Authorization header")
    add("--timeout", type=float, default=60.0, help="seconds for an answer (%(default)s)")
    add("--retries", type=int, default=5, help="of a request that failed (%(default)s)")


_RUN = "ask the model of a run of our training scripts: its folder, or one of its checkpoints"
_TORCH = """\
likewise, by torch.export.save or torch.jit.save; such a file is a program, which can do harm"""
_INDICES = """\
numbers are class indices from 0, in the order that show prints, even if classes are called by
numbers themselves"""
_ORDER = """\
how the model counts the classes, if not in the order that show prints: a list of their names, or an
object that gives each name its number"""
_ONE_SCORE = """\
the model tells two classes apart by one number: above this, 0.5 of a probability and 0 of a logit,
it means the second class that show prints, or that of --class-order"""
_PIXELS = """\
what a model that takes decimals was trained on: pixels divided by 255, or as they are
(%(default)s)"""
_MEAN = "subtracted then: a number for each channel, or one for all"
_PROTOCOL = """\
v1: TF Serving, Vertex AI, KServe. v2: Open Inference Protocol. mlflow: its /invocations
(%(default)s)"""


def numbers(text: str) -> tuple[float, ...]:
    """What ``--mean`` was given.

    >>> numbers("0.49,0.48,0.45")
    (0.49, 0.48, 0.45)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not numbers with commas between, such as 0.49,0.48,0.45"
        ) from error


def open_source(options: argparse.Namespace, record: Record, ids: Sequence[str]) -> Source:
    """The model that the options name.

    Args:
        options: as parsed.
        record: of the extra task.
        ids: of the questions that will be asked.

    Raises:
        UserError: if it cannot be opened.
    """
    order = None
    if options.class_order is not None:
        from jaxverify.predictors.answers import read_order

        order = read_order(options.class_order, record.class_names)
    by_index = options.indices or order is not None
    classes = Classes(record.class_names, by_index, order, options.one_score)
    source = _open(options, record, ids, classes)
    if (by_index, order, options.one_score) == (False, None, None):
        return source
    read_as = f"{source.asked_as}, {by_index}, {order}, {options.one_score}"
    return replace(source, asked_as=read_as)


def _open(
    options: argparse.Namespace, record: Record, ids: Sequence[str], classes: Classes
) -> Source:
    if options.predictions is not None:
        return _of_file(options.predictions, classes, ids)
    if options.run is not None:
        if options.one_score is not None:
            raise UserError("--one-score: the models of our scripts give a score for each class")
        return _of_run(options.run, classes, record)
    if options.onnx is not None:
        from jaxverify.predictors.onnx import open_onnx

        return _of_model(options.onnx, open_onnx, options, classes)
    if options.torch is not None:
        from jaxverify.predictors.pytorch import open_torch

        return _of_model(options.torch, open_torch, options, classes)
    return _of_endpoint(options, classes)


def _of_file(path: Path, classes: Classes, ids: Sequence[str]) -> Source:
    from jaxverify.predictors.file import open_answers

    ask = open_answers(path, classes, ids)
    digest = _sha256(path)
    return Source(ask, path.name, digest, f"answers {digest}")


def _of_run(path: Path, classes: Classes, record: Record) -> Source:
    from jaxverify.predictors.run import open_run

    ask = open_run(path, record.task.kind, classes)
    return Source(ask, str(path), None, f"run {path.resolve()}")


def _of_model(
    path: Path, open_model: "Callable[[Path], Model]", options: argparse.Namespace, classes: Classes
) -> Source:
    from jaxverify.predictors.local import ask
    from jaxverify.predictors.tensors import Pixels

    pixels = Pixels(options.pixels, options.mean, options.std)
    model, digest = open_model(path), _sha256(path)
    return Source(
        lambda _, columns: ask(model, columns, classes, pixels),
        path.name,
        digest,
        f"model {digest}, {pixels}",
    )


def _of_endpoint(options: argparse.Namespace, classes: Classes) -> Source:
    import requests

    from jaxverify.predictors.http import Endpoint, ask

    headers = ()
    if options.auth_env is not None:
        if options.auth_env not in os.environ:
            raise UserError(f"the environment variable {options.auth_env} is not set")
        headers = (("Authorization", os.environ[options.auth_env]),)
    endpoint = Endpoint(
        options.url, options.protocol, options.named, options.timeout, options.retries, 1.0, headers
    )
    session = requests.Session()
    words = f"{options.url}, {options.protocol}{', named' if options.named else ''}"
    return Source(
        lambda _, columns: ask(endpoint, columns, classes, session=session),
        options.url,
        None,
        words,
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
