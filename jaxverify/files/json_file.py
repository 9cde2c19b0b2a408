"""JSON files, read with a line that says what is wrong."""

import json
from pathlib import Path
from typing import Any

from jaxverify.errors import DataError
from jaxverify.files.standard import read_input


def read_json(path: Path, missing: str | None = None, damaged: str | None = None) -> Any:
    """What a JSON file holds.

    Args:
        path: of the file, or ``-``.
        missing: the error's line, if it cannot be read; without it, why it cannot.
        damaged: the error's line, if it is not JSON.

    Raises:
        DataError: if it cannot be read or is not JSON; its line never shows what stands there.
    """
    try:
        return json.loads(read_input(path))
    except OSError as error:
        raise DataError(missing or f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(damaged or f"{path} is not JSON") from error
