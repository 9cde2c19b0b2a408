"""Where something may be written: never over what must stay."""

import os
from collections.abc import Iterable
from pathlib import Path

from jaxverify.errors import UserError


def check_output(path: Path, *, force: bool = False, never: Iterable[Path] = ()) -> None:
    """Check that a file or folder can be written under ``path``, before the work for it is done.

    Args:
        path: of what will be written.
        force: whether it may take the place of a file that is there.
        never: what must stay, also where forced.

    Raises:
        UserError: if its folder is missing or cannot be written to; if something is there, and it
            is not forced, no regular file, a record, a ledger, or one of those that must stay.

    Guarantee: it changes nothing.
    """
    place = target(path)
    for kept in never:
        if _is_same(place, kept):
            raise UserError(f"{path} must stay as it is: give another path")
    try:
        if place.is_dir() and force:
            raise UserError(f"{path} is a folder: give the path of a file")
        if place.exists() and not force:
            raise UserError(f"{path} exists already: remove it, or give another path")
        if place.exists() and not place.is_file():
            raise UserError(f"{path} is no regular file: give another path")
        if place.exists() and _is_secret(place):
            raise UserError(f"{path} is a record or its ledger, which stays: give another path")
        if not place.parent.is_dir():
            raise UserError(
                f"{path} cannot be written: {place.parent} is no folder: make it, or give "
                "another path"
            )
    except OSError as error:
        raise unwritable(path, error) from error
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written: {place.parent} is not writable")


def target(path: Path) -> Path:
    """What a symbolic link points to, there or not; of other paths the path.

    Raises:
        UserError: if links point to each other in a circle.
    """
    try:
        return Path(os.path.realpath(path)) if path.is_symlink() else path
    except OSError as error:
        raise unwritable(path, error) from error


def refuse_existing(path: Path) -> None:
    """Raise a UserError if there is something."""
    if os.path.lexists(path):
        raise UserError(f"{path} exists already: remove it, or give another path")


def unwritable(path: Path, error: OSError) -> UserError:
    """The error to raise where the system refuses to write."""
    reason = error.strerror or type(error).__name__
    return UserError(f"{path} cannot be written ({reason}): give another path")


def _is_secret(path: Path) -> bool:
    """Whether it is a record or a ledger, of whatever data: nothing could bring it back."""
    with path.open("rb") as file:
        return path.suffix == ".ledger" or b'"jaxverify record"' in file.read(100)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # one of them is not there
        return os.path.realpath(path) == os.path.realpath(other)
