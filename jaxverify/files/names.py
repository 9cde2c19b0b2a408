"""Names of files that others must be able to read."""

from pathlib import Path

from jaxverify.errors import DataError


def check_name(path: Path) -> None:
    """Check that PyArrow, JSON and the cloud can take the name of a file.

    Raises:
        DataError: if it is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(f"the name {path} is not UTF-8: rename it") from error
