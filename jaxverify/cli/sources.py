"""How the model that the options of ``verify`` name is asked."""

import argparse
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxverify.errors import DataError, UserError
from jaxverify.files.standard import input_file
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.asking import AskBatch
from jaxverify.record.record import Record

if TYPE_CHECKING:
    from jaxverify.predictors.endpoint import Endpoint
    from jaxverify.predictors.isolated import Runtime


@dataclass(frozen=True)
class Source:
    """A model that can be asked.

    Attributes:
        ask: some questions.
        classes: how its answers name the classes.
        name: what the model is called in a report.
        digest: SHA-256 of the file that it, or its answers, are in; None where there is no file.
        asked_as: all that an answer depends on, so that answers kept are not taken for others.
    """

    ask: AskBatch
    classes: Classes
    name: str
    digest: str | None
    asked_as: str


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
    names = record.class_names
    classes = Classes(names, options.answers, order, options.one_score, options.output)
    return _open(options, record, ids, classes)


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
        return _of_model("onnx", options.onnx, options, classes)
    if options.torch is not None:
        return _of_model("torch", options.torch, options, classes)
    return _of_endpoint(options, classes, record)


def _of_file(path: Path, classes: Classes, ids: Sequence[str]) -> Source:
    from jaxverify.predictors.file import open_answers

    with input_file(path) as file:
        ask, digest = open_answers(file, ids), _sha256(file)
    return Source(ask, classes, file.name, digest, f"answers {digest}")


def _of_run(path: Path, classes: Classes, record: Record) -> Source:
    from jaxverify.predictors.run import open_run

    ask = open_run(path, record.task.kind, classes)
    return Source(ask, classes, str(path), None, f"run {path.resolve()}")


def _of_model(
    runtime: "Runtime", path: Path, options: argparse.Namespace, classes: Classes
) -> Source:
    from jaxverify.predictors.isolated import check_installed, open_isolated
    from jaxverify.predictors.local import ask, read_file
    from jaxverify.predictors.process import Limits
    from jaxverify.predictors.tensors import Pixels

    pixels = Pixels(options.pixels, options.mean, options.std, options.layout)
    limits = Limits(options.timeout, options.memory)
    check_installed(runtime)
    content = read_file(path)
    digest = hashlib.sha256(content).hexdigest()  # of the very bytes that are run
    model = open_isolated(runtime, path, content, limits)
    return Source(
        lambda _, columns: ask(model, columns, classes, pixels),
        classes,
        path.name,
        digest,
        f"model {digest}, {pixels}, {classes.output}",
    )


def _of_endpoint(options: argparse.Namespace, classes: Classes, record: Record) -> Source:
    from jaxverify.predictors.endpoint import Endpoint
    from jaxverify.predictors.http import ask
    from jaxverify.predictors.transport import open_session

    endpoint = Endpoint(
        options.url,
        options.protocol,
        options.named,
        options.timeout,
        options.retries,
        headers=_authorization(options.auth_env),
        wait=options.wait,
    )
    session = open_session()
    words = f"{_model(endpoint, record)}, {options.protocol}{', named' if options.named else ''}"
    if options.protocol == "v2" and classes.output is not None:
        words += f", {classes.output}"
    return Source(
        lambda _, columns: ask(endpoint, columns, classes, session=session),
        classes,
        endpoint.shown,
        None,
        words,
    )


def _authorization(name: str | None) -> tuple[tuple[str, str], ...]:
    if name is None:
        return ()
    if not name.isidentifier():  # so that a token that was given instead is not printed
        raise UserError("--auth-env takes the name of an environment variable, and no token")
    if name not in os.environ:
        raise UserError(f"the environment variable {name} is not set")
    return (("Authorization", os.environ[name]),)


def _model(endpoint: "Endpoint", record: Record) -> str:
    """Which model is asked: another query may name another model, and may hold a key."""
    if endpoint.is_all_shown:
        return endpoint.url
    digest = hmac.digest(record.secret, endpoint.url.encode(), "sha256").hex()
    return f"{endpoint.shown} {digest[:16]}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
