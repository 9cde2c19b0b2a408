"""Files of ours that hold one JSON object, with the name of their format and a version."""

from pathlib import Path
from typing import Any

from jaxverify.errors import DataError
from jaxverify.files.json_file import read_json


def read_stored(path: Path, what: str, *, format: str, version: int) -> dict[str, Any]:
    """The object in a file.

    Args:
        path: of the file.
        what: it is called in errors.
        format: the name that the object must bear.
        version: the only one that is read.

    Raises:
        DataError: if the file cannot be read, or holds something else or another version; it never
            shows what stands there.
    """
    value = read_json(path, damaged=f"{path} is not a {what}: it is not JSON")
    if not isinstance(value, dict) or value.get("format") != format:
        raise DataError(f"{path} is not a {what} of jaxverify")
    if value.get("version") != version:
        raise DataError(
            f"{path} is a {what} of version {value.get('version')!r}, and this jaxverify reads "
            f"{version} alone"
        )
    return value
