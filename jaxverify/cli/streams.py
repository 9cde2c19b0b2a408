"""The streams of a command: whatever they are, its exit status tells the truth."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaxverify.errors import UserError


def ready_streams() -> None:
    """Open what is closed, so that no file takes its number, and let any character be written."""
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def whole_output() -> Iterator[None]:
    """Write all that was printed.

    Raises:
        UserError: if standard output cannot be written; what is left is then dropped, so that
            Python does not try again at its end, and change the exit status.
    """
    try:
        yield
    except SystemExit:  # of argparse, after help
        _flush()
        raise
    except UserError:
        _is_sound(sys.stdout)
        raise
    except (OSError, ValueError) as error:
        if _is_sound(sys.stdout):
            raise
        raise _unwritable(error) from error
    else:
        _flush()
    finally:
        _is_sound(sys.stderr)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _is_sound(sys.stdout)
        raise _unwritable(error) from error


def _unwritable(error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return UserError(f"the output cannot be written ({reason})")


def _is_sound(stream: Any) -> bool:
    """Whether what a stream holds can be written; if not, it is dropped."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return False
    return True
