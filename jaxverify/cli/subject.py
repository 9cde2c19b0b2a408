"""What the statement of ``jaxverify verify --in-toto`` is about."""

import argparse
import hashlib

from jaxverify.cli.sources import Source
from jaxverify.errors import DataError, UserError
from jaxverify.report.in_toto import Subject


def subject(options: argparse.Namespace, source: Source) -> Subject | None:
    """The model's file where it is known, and otherwise the file of its answers.

    Args:
        options: as parsed.
        source: what they name.

    Returns:
        Subject: None where no statement is wanted.

    Raises:
        UserError: if ``--model`` says nothing, or there is no file.

    Guarantee: a file of answers is never given out for the model.
    """
    if options.in_toto is None:
        if options.model is not None:
            raise UserError("--model names what --in-toto is about: give both, or neither")
        return None
    if options.onnx is not None or options.torch is not None:
        if options.model is not None:
            raise UserError("--model names the model of answers from elsewhere: leave it out here")
        return Subject(source.name, source.digest or "", "asked")
    if options.model is not None:
        try:
            with options.model.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{options.model} cannot be read: {error.strerror}") from error
        return Subject(options.model.name, digest, "named", source.name, source.digest)
    if source.digest is None:
        raise UserError(
            f"an in-toto statement is about a file, and {source.name} is none: name the model's "
            "with --model"
        )
    return Subject(source.name, source.digest, "unknown")
