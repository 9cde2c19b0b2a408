"""Images that are decoded once: their pixels are kept in a file and mapped into memory later."""

import hashlib
import io
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import UInt8

from jaxverify.data.images import decoder
from jaxverify.errors import UserError
from jaxverify.files.whole import replacing_file

Images = UInt8[np.ndarray, "n h w c"]

# Bytes of a file worth keeping. By size and format of its images, decoding 4 MiB takes 0.04 to 0.6
# seconds; a smaller file is not even hashed.
SMALLEST = 2**22

_CHECKSUM = hashlib.sha256().digest_size  # bytes, at the end of what is kept
_DAY = 24 * 60 * 60  # seconds after which nobody is still writing a file


class _Place(NamedTuple):
    """A folder for pixels; a private one is for its owner alone, with all that is in it."""

    folder: Path
    private: bool


def decode_once(path: Path, content: bytes, decode: Callable[[], Images]) -> Images:
    """The images of a file: as they were kept, or decoded now and kept for the next time.

    They are kept as ``.decoded/NAME.npy`` beside the file. Where that cannot be written, the
    folder's mode lets nobody write, or the file is a link, they are kept in
    ``~/.cache/jaxverify/decoded`` (``$XDG_CACHE_HOME`` if set), and where that fails too, nowhere.
    What was kept of earlier versions of the file is removed. Small files are decoded each time.

    Args:
        path: of the file.
        content: all that is in it.
        decode: decodes its images, which depend on nothing but ``content``.

    Returns:
        uint8 ``[n, height, width, channels]``; a change of it changes nothing that is kept.

    Raises:
        Exception: what ``decode`` raises; nothing is kept then.

    Guarantee: the pixels are those that ``decode`` returns. Kept ones are used only if each byte is
    as it was written, for the same content and the same :func:`~jaxverify.data.images.decoder`.
    Their mode lets nobody read them who may not read the file.
    """
    if len(content) < SMALLEST:
        return decode()
    digest = hashlib.sha256(content)
    digest.update(decoder().encode())
    name = f"{path.stem}-{digest.hexdigest()}.npy"
    places = _places(path)
    for place in places:
        images = _read(place.folder / name)
        if images is not None:
            return images
    images = decode()
    for place in places:
        with suppress(OSError, UserError):
            _write(place, name, images, path)
            for folder, _ in places:
                _remove_others(folder, path.stem, name)
            break
    return images


def _places(path: Path) -> list[_Place]:
    """Where pixels may be kept, the best place first."""
    places = []
    if not path.is_symlink():  # or the file may lie in a folder that fewer people can enter
        places.append(_Place(path.parent / ".decoded", private=False))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if cache.is_absolute():  # otherwise there is no home
        # A file of the same name in another folder is another file.
        folder = hashlib.sha256(os.fsencode(path.parent.resolve())).hexdigest()
        places.append(_Place(cache / "jaxverify" / "decoded" / folder, private=True))
    return places


def _read(path: Path) -> Images | None:
    """What was kept under ``path``, mapped into memory; None if it is not there, or not whole."""
    try:
        content = np.memmap(path, np.uint8, "r")
        checksum = hashlib.sha256(content[:-_CHECKSUM].data).digest()
        if content[-_CHECKSUM:].tobytes() != checksum:
            return None
        return np.load(path, mmap_mode="c", allow_pickle=False)  # copied where written to
    except (OSError, ValueError):
        return None


def _write(place: _Place, name: str, images: Images, source: Path) -> None:
    _make(place)
    mode = 0o600 if place.private else lambda copy: _mode(source.stat(), copy)
    with replacing_file(place.folder / name, mode) as file:
        np.save(file, images, allow_pickle=False)
        file.seek(0)
        file.write(hashlib.file_digest(cast(io.BufferedReader, file), "sha256").digest())


def _make(place: _Place) -> None:
    if not place.private:
        if not place.folder.parent.stat().st_mode & 0o222:
            raise PermissionError(f"{place.folder.parent} is read-only")  # which root would not see
        place.folder.mkdir(exist_ok=True)
        return
    for folder in reversed([place.folder, *place.folder.parents]):
        if not folder.exists():
            folder.mkdir(0o700, exist_ok=True)


def _mode(source: os.stat_result, copy: os.stat_result) -> int:
    """The source's, without execution, so that a copy, perhaps of another group, shows no more."""
    mode = stat.S_IMODE(source.st_mode) & 0o666
    if source.st_gid == copy.st_gid:
        return mode
    everyone = mode >> 3 & mode & 0o6  # what both the group and the others may
    return mode & 0o600 | everyone << 3 | everyone


def _remove_others(folder: Path, stem: str, name: str) -> None:
    """Remove what was kept of the file's other versions, and what a killed process left."""
    complete = re.compile(rf"{re.escape(stem)}-[0-9a-f]{{64}}\.npy")
    partial = re.compile(rf"\.{complete.pattern}\.\w+\.partial")
    with suppress(OSError):
        for file in folder.iterdir():
            other = complete.fullmatch(file.name) and file.name != name
            with suppress(OSError):
                abandoned = file.lstat().st_mtime < time.time() - _DAY
                if other or (partial.fullmatch(file.name) and abandoned):
                    file.unlink()
