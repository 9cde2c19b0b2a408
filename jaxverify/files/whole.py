"""Files and folders that appear whole or not at all."""

import contextlib
import glob
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jaxverify.files.if_killed import if_killed
from jaxverify.files.locks import lock
from jaxverify.files.outputs import check_output, refuse_existing, target, unwritable

# A number, or what it is given the status of the file; None for what the umask allows.
Mode = int | Callable[[os.stat_result], int] | None
_UNNAMED = getattr(os, "O_TMPFILE", None)  # a file without a name; Linux alone has it
_ENDING = ".partial"


@contextmanager
def new_file(path: Path, mode: Mode = None) -> Iterator[IO[bytes]]:
    """Open a file that appears under ``path`` when all has been written to it.

    Args:
        path: of the file; of a symbolic link to nothing, what it points to.
        mode: of the file, or None for what the umask allows; until it is whole, its owner alone can
            read it.

    Raises:
        UserError: if there is such a file already, also one that appeared meanwhile, or if the
            folder cannot be written to.

    Guarantee: an exception leaves nothing behind, and a crash no file called ``path``; where the
    file system has files without a name, as those of Linux have, a crash leaves nothing either.
    """
    check_output(path)
    with _partial(target(path), mode, give_name) as file:
        yield file


@contextmanager
def replacing_file(path: Path, mode: Mode = None) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of ``path`` when all has been written to it.

    Args:
        path: of the file; there may be one already. A symbolic link stays one.
        mode: as :func:`new_file` takes it.

    Raises:
        UserError: if ``path`` is there and no regular file, or the folder cannot be written to.

    Guarantee: an exception or a crash leaves the old file or the new one, never a part.
    """
    check_output(path, force=True)
    with _partial(target(path), mode, os.replace) as file:
        yield file


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, in the place of one that is there, as :func:`replacing_file` does."""
    with replacing_file(path) as file:
        file.write(content)


@contextmanager
def new_folder(path: Path, mode: int | None = None) -> Iterator[Path]:
    """A folder to be filled, which appears under ``path`` when all is in it.

    Args:
        path: of the folder.
        mode: of its files, or None for what the umask allows; who may read them may search it.

    Raises:
        UserError: as :func:`new_file`.

    Guarantee: an exception leaves nothing behind, and a crash no folder called ``path``; all that
    is in it has one time and one mode, so that neither tells the order in which it was written. A
    process that is killed leaves nothing either, if not all of its session is killed.
    """
    check_output(path)
    path = target(path)
    folder = Path(_hidden(path))
    try:
        folder.mkdir(0o700)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with if_killed('rm -rf -- "$1"', folder), _locked(folder):
            yield folder
            status = folder.stat()
            moment, bits = status.st_mtime, _mode(mode, status)
            for part in (folder, *folder.rglob("*")):
                part.chmod(bits | (bits & 0o444) >> 2 if part.is_dir() else bits)
                os.utime(part, (moment, moment))
            refuse_existing(path)  # renaming replaces an empty folder
            folder.rename(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_partial_folders(pattern: str) -> None:
    """Remove what killed processes left of new folders, but none that is being filled.

    Args:
        pattern: of the paths that these folders would have got, as :mod:`glob` takes it.

    Raises:
        OSError: if something cannot be removed.
    """
    folder, name = os.path.split(pattern)
    for left in glob.glob(os.path.join(folder, f".{name}.*{_ENDING}")):
        with contextlib.suppress(BlockingIOError, NotADirectoryError), _locked(Path(left)):
            shutil.rmtree(left)


def give_name(ready: str | Path, path: Path) -> None:
    """Give a file or a folder its name, which nothing has yet.

    Raises:
        UserError: if something has it.
    """
    try:  # a link never replaces a file, as renaming would
        os.link(ready, path)
    except OSError:  # folders, and some file systems, have no links
        refuse_existing(path)
        os.rename(ready, path)
    else:
        os.unlink(ready)


@contextmanager
def _partial(path: Path, mode: Mode, finish: Callable[[str, Path], None]) -> Iterator[IO[bytes]]:
    """A file without a name, or beside ``path``, that ``finish`` names once it is whole."""
    try:
        handle, name = _open_beside(path)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fchmod(handle, _mode(mode, os.fstat(handle)))
            os.fsync(handle)
            if name is None:
                name = _hidden(path)
                _link(file, name)
        finish(name, path)
    finally:
        if name is not None:
            Path(name).unlink(missing_ok=True)


def _open_beside(path: Path) -> tuple[int, str | None]:
    """A file in the folder of ``path``, and its name, if it has one."""
    if _UNNAMED is not None:
        with contextlib.suppress(OSError):  # not every file system has them
            return os.open(path.parent, os.O_RDWR | _UNNAMED, 0o600), None
    name = _hidden(path)
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), name


def _link(file: IO[bytes], name: str) -> None:
    """Name a file that has no name."""
    try:
        # The folder's handle is not used, but makes Python follow the link to the file.
        os.link(f"/proc/self/fd/{file.fileno()}", name, src_dir_fd=file.fileno())
    except OSError:  # some file systems have no links
        status = os.fstat(file.fileno())
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fchmod(copy.fileno(), status.st_mode & 0o777)
            os.fsync(copy.fileno())


def _hidden(path: Path) -> str:
    """A name beside ``path`` that nothing has."""
    return str(path.parent / f"{_beginning(path)}{secrets.token_hex(8)}{_ENDING}")


def _beginning(path: Path) -> str:
    return f".{path.name[:60]}."  # some file systems allow names of 255 bytes


def _mode(mode: Mode, status: os.stat_result) -> int:
    if mode is None:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
    return mode(status) if callable(mode) else mode


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A folder that nobody else takes for one that was left.

    Raises:
        BlockingIOError: if somebody else holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        lock(handle, wait=False)
        yield
    finally:
        os.close(handle)
