"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jaxverify.errors import UserError


@contextmanager
def new_file(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Open a file that appears under ``path`` when all has been written to it.

    Args:
        path: of the file.
        mode: of the file; until it is whole, its owner alone can read it.

    Raises:
        UserError: if there is such a file already, also one that appeared meanwhile, or if the
            folder cannot be written to.

    Guarantee: an exception leaves nothing behind, and a crash no file called ``path``.
    """
    _refuse_existing(path)
    with _partial(path, mode, _name) as file:
        yield file


@contextmanager
def replacing_file(path: Path, mode: int | None = 0o644) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of ``path`` when all has been written to it.

    Args:
        path: of the file; there may be one already.
        mode: as :func:`new_file` takes it; None, where the caller sets it.

    Raises:
        UserError: if the folder cannot be written to.

    Guarantee: an exception or a crash leaves the old file or the new one, never a part.
    """
    with _partial(path, mode, os.replace) as file:
        yield file


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, in the place of one that is there, as :func:`replacing_file` does."""
    with replacing_file(path) as file:
        file.write(content)


@contextmanager
def _partial(
    path: Path, mode: int | None, finish: Callable[[str, Path], None]
) -> Iterator[IO[bytes]]:
    """A file beside ``path``, which ``finish`` gives its name once it is whole."""
    try:
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed below, and removed)
            dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(file.name, mode)
        finish(file.name, path)
    finally:
        Path(file.name).unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to be filled, which appears under ``path`` when all is in it.

    Raises:
        UserError: as :func:`new_file`.

    Guarantee: an exception leaves nothing behind, and a crash no folder called ``path``; all that
    is in it has one time and one mode, so that neither tells the order in which it was written.
    """
    _refuse_existing(path)
    try:
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial"))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield folder
        moment = folder.stat().st_mtime
        for part in (folder, *folder.rglob("*")):
            part.chmod(0o755 if part.is_dir() else 0o644)
            os.utime(part, (moment, moment))
        _refuse_existing(path)  # renaming replaces an empty folder
        folder.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _name(partial: str, path: Path) -> None:
    """Give the file its name. A link never replaces a file, as renaming would."""
    try:
        os.link(partial, path)
    except FileExistsError:
        _refuse_existing(path)
        raise
    except OSError:  # some file systems have no links
        _refuse_existing(path)
        os.rename(partial, path)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists already: remove it, or give another path")


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written ({error.strerror}): give another")
