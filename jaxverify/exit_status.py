"""How a run ends for the shell: a number, and before it a sentence where all is not well."""

import contextlib
import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxverify.errors import UserError

if TYPE_CHECKING:
    from jaxverify.screen import Screen

_TRACEBACK = "JAXVERIFY_TRACEBACK"  # set to see where a defect of ours is


def exit_status(
    work: Callable[[], int], *, goes_on: str = "the same command with --resume goes on"
) -> int:
    """Do ``work``, and put its errors into words.

    Args:
        work: returns an exit status.
        goes_on: what to do after an interruption.

    Returns:
        int: what ``work`` returns; 2 on an error that is the user's to mend, 130 when interrupted,
        each after one line on the error stream. Other exceptions, ours to mend, pass through.

    >>> exit_status(lambda: 0)
    0
    """
    try:
        return work()
    except UserError as error:
        print_error(str(error))
        return 2
    except KeyboardInterrupt:
        _error_screen().print(f"interrupted; {goes_on}", style="yellow")
        return 130


def contained(work: Callable[[], int]) -> int:
    """Do ``work``, and put into words what no user can mend, too.

    Args:
        work: returns an exit status, having dealt with the errors that it knows.

    Guarantee: any exception is 2, after one line on the error stream that shows no value. With
    JAXVERIFY_TRACEBACK in the environment it passes through instead.
    """
    try:
        return work()
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        with contextlib.suppress(OSError):  # the error stream may be what fails
            print_error(_words(error))
        return 2


def print_error(sentence: str) -> None:
    """One line on the error stream, however long."""
    _error_screen().print(f"error: {' '.join(sentence.splitlines())}", style="red", soft_wrap=True)


def _words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this"
    if isinstance(error, BrokenPipeError):
        return "nobody reads the output any more"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, OSError):
        return str(error)[:300] or type(error).__name__
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"jaxverify failed ({type(error).__name__} in {os.path.basename(place.filename)}, line "
        f"{place.lineno}). This is a defect: set {_TRACEBACK}=1 to see more, and report it"
    )


def _error_screen() -> "Screen":
    from jaxverify.screen import Screen  # needed only when something is reported

    return Screen(stderr=True)
