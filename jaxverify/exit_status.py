"""How a run ends for the shell: a number, and before it a sentence where all is not well."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxverify.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console


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
        _error_stream().print(f"interrupted; {goes_on}", style="yellow")
        return 130


def print_error(sentence: str) -> None:
    """One line on the error stream, however long."""
    _error_stream().print(
        f"error: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def _error_stream() -> "Console":
    from rich.console import Console  # needed only when something is reported

    return Console(stderr=True)
