"""What a rehearsal's folder is for: one rehearsal, which goes on where it was stopped."""

import hashlib
import json
from pathlib import Path
from typing import Any

from jaxverify.errors import DataError, UserError
from jaxverify.files.json_file import read_json
from jaxverify.files.whole import write_whole

SETTING, SECRET = "rehearsal.json", "secret"


def claim(folder: Path, setting: dict[str, Any]) -> None:
    """Make the folder one for this setting, or see that it is.

    Args:
        folder: of the rehearsal; made if it is missing.
        setting: plain values, by what a message is to call them.

    Raises:
        UserError: if the folder holds a rehearsal of another setting, naming what differs; not if
            that one failed before anything came of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    setting, place = json.loads(json.dumps(setting)), folder / SETTING
    is_used = any(path.name not in (SETTING, SECRET) for path in folder.iterdir())
    if not (place.exists() and is_used):
        write_whole(place, (json.dumps(setting, indent=1) + "\n").encode())
        return
    kept = read_json(place)
    if not isinstance(kept, dict):
        raise DataError(f"{place} is damaged: remove {folder}, and rehearse anew")
    for name in {**setting, **kept}:
        if setting.get(name) != kept.get(name):
            raise UserError(
                f"{folder} holds a rehearsal of other {name}: give another folder with --work, or "
                "remove it"
            )


def fingerprint(data: Path) -> str:
    """SHA-256 of a file, or of the names and sizes of a folder's files."""
    if not data.is_dir():
        try:
            with data.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{data} cannot be read: {error.strerror}") from error
    files = sorted(path for path in data.rglob("*") if path.is_file())
    listing = [f"{path.relative_to(data)} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()
