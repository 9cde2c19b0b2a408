"""The upload and its record: both are there, or neither is."""

import contextlib
import glob
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxverify.errors import DataError, UserError
from jaxverify.files.if_killed import if_killed
from jaxverify.files.outputs import check_output, target
from jaxverify.files.whole import give_name, remove_partial_folders
from jaxverify.record.record import Record, load, save

_READY = ".ready"


def check_places(data: Path, out: Path, record: Path) -> None:
    """Check where the data are, and where the upload and the record will be, before any work.

    What a run left that was killed in the middle is removed.

    Raises:
        UserError: if something is there already, or cannot be written, or lies in another.
    """
    _remove_left(out, record)
    for path in (out, record):
        check_output(path)
    if out.resolve() in (record.resolve(), *record.resolve().parents):
        raise UserError(f"the record {record} lies in the upload {out}: keep it elsewhere")
    if data.resolve() in out.resolve().parents:
        raise UserError(f"the upload {out} lies in the data {data}: give another path")
    if data.resolve() in record.resolve().parents:
        raise UserError(f"the record {record} lies in the data {data}: keep it elsewhere")


@contextmanager
def both_or_neither(record: Record, path: Path, out: Path) -> Iterator[Path]:
    """Where to write the upload. Once it is whole, the record is saved, and the upload named.

    Args:
        record: of the extra task.
        path: of the record.
        out: of the upload.

    Guarantee: an exception leaves neither. If the process is killed, what is left of its session
    removes the upload, or names it where the record is saved; if that is killed too, the next run
    to the same place removes what is left.
    """
    out = target(out)
    ready = _hidden(out, record.commitment()[:16])
    with if_killed(_FINISH, path, ready, out):
        try:
            yield ready
            save(record, path)
            try:
                give_name(ready, out)
            except BaseException:
                path.unlink()
                raise
        finally:
            _remove(ready)


_FINISH = 'if [ -e "$1" ]; then mv -n -- "$2" "$3"; else rm -rf -- "$2"; fi'


def _remove_left(out: Path, record: Path) -> None:
    """Remove what a run left that was killed before both files had their names."""
    out = target(out)
    pattern = glob.escape(str(_hidden(out, ""))).removesuffix(_READY) + f"*{_READY}"
    left = [] if out.exists() else list(map(Path, glob.glob(pattern)))
    if left and record.is_file():
        with contextlib.suppress(DataError):
            if _hidden(out, load(record).commitment()[:16]) in left:
                record.unlink()  # its upload never had a name
    for each in left:
        _remove(each)
    remove_partial_folders(pattern)


def _hidden(out: Path, commitment: str) -> Path:
    digest = hashlib.sha256(out.name.encode(errors="surrogateescape")).hexdigest()[:8]
    return out.parent / f".{out.name[:20]}-{digest}.{commitment}{_READY}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
