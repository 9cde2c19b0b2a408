"""The files that a command writes: checked before its work, and confirmed after it."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxverify.errors import UserError
from jaxverify.files.outputs import check_output
from jaxverify.files.standard import STANDARD
from jaxverify.files.whole import new_file, write_whole
from jaxverify.screen import Screen


def check_outputs(
    outputs: Mapping[str, Path | None],
    *,
    force: bool,
    never: Sequence[Path | None],
    json: bool = False,
) -> None:
    """Check that all can be written, before a model is asked.

    Args:
        outputs: by the names of their options; None where one is not given.
        force: whether files that are there may be replaced.
        never: what must stay, None where there is none.
        json: whether JSON is printed to standard output.

    Raises:
        UserError: as :func:`~jaxverify.files.outputs.check_output` does, or if two are one.
    """
    if json and STANDARD in outputs.values():
        raise UserError("--json prints to standard output: write the other file somewhere else")
    given = {name: path for name, path in outputs.items() if path is not None}
    places: dict[Path, str] = {}
    for name, path in given.items():
        place = path if path == STANDARD else path.resolve()
        if place in places:
            raise UserError(f"{places[place]} and {name} are both {path}: give two paths")
        places[place] = name
        if path != STANDARD:
            kept = [each for each in never if each not in (None, STANDARD)]
            check_output(path, force=force, never=kept)


def write_output(path: Path, content: bytes, *, force: bool) -> None:
    """Write a file, or to standard output."""
    if path == STANDARD:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    elif force:
        write_whole(path, content)
    else:
        with new_file(path) as file:
            file.write(content)


def screen_of(options: argparse.Namespace, *outputs: Path | None) -> Screen:
    """Where a command says what it did: on the error stream where standard output is taken."""
    return Screen(quiet=options.quiet, stderr=STANDARD in outputs)


def files_written(console: Screen, files: Mapping[str, Path | None]) -> None:
    """Confirm each file that was written, on a line."""
    for what, path in files.items():
        if path not in (None, STANDARD):
            console.say(f"{what}: {path}")
