"""What the commands of studies share: which settings to run, and where their data lie."""

from collections.abc import Collection
from pathlib import Path

from jaxverify.errors import UserError


def chosen(names: Collection[str] | None, known: Collection[str]) -> list[str]:
    """The settings named, or all.

    Raises:
        UserError: if there is none of a name.
    """
    for name in names or ():
        if name not in known:
            raise UserError(f"no setting is called {name!r}; there are {', '.join(known)}")
    return list(names or known)


def folder_of(data: Path | None, dataset: str) -> Path | None:
    """Where a data set lies in a folder of folders; None, if it comes from elsewhere."""
    if data is None or not (data / dataset).exists():
        return None
    return data / dataset
