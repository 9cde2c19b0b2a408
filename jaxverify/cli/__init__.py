"""The command ``jaxverify``, for those who have a data set and no need to program."""

from jaxverify.cli.main import main

__all__ = ["main"]
