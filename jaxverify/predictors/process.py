"""The process in which a model of others runs, and how it is asked."""

import math
import os
import selectors
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.messages import unpack
from jaxverify.predictors.model import shown

T = TypeVar("T")

_GIB = 2**30
_LONGEST_TEXT = 2000
# All that the process gets of the environment: how to find Python and what it loads. Tokens and
# passwords are often there, and a model has no business with them.
_PASSED = {
    *("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
}


@dataclass(frozen=True)
class Limits:
    """What a model may take.

    Attributes:
        seconds: to open it, and to answer some questions.
        memory: GiB; by default 8, or half of what the machine has where that is less.
    """

    seconds: float = 60.0
    memory: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise UserError(f"timeout is {self.seconds}; it is a number of seconds above 0")
        if self.memory is not None and not 0 < self.memory <= 2**30:
            raise UserError(f"memory is {self.memory} GiB; it is a number above 0")

    @property
    def num_bytes(self) -> int:
        """How much memory that is."""
        return int((self.memory or min(8, _machine_memory() / 2)) * _GIB)


class Process:
    """The process, and how it is asked."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, self._limits = path, limits
        try:
            process = subprocess.Popen(
                # -P: a file in the working directory is not taken for a module.
                [sys.executable, "-P", "-m", "jaxverify.predictors.worker"],
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"{sys.executable} cannot be started: {error.strerror}") from error
        self._process = process
        self.end = weakref.finalize(self, _end, process)
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)

    def ask(
        self,
        parts: Sequence[bytes],
        words: str,
        remedy: str,
        read: Callable[[dict[str, Any], list[Any]], T],
    ) -> T:
        """Its answer to a message, read; where that is none, the end of it and an error."""
        if not self.end.alive:
            raise UserError(f"{self._path} has been ended")
        until = time.monotonic() + self._limits.seconds
        try:
            for part in parts:
                self._send(part, until)
            head, values = unpack(lambda count: self._take(count, until))
            if "error" not in head:
                return read(head, values)
        except TimeoutError:
            problem = f"took longer than {self._limits.seconds:g} s {words}: {remedy}"
        except (EOFError, OSError):
            problem = self._died(words, remedy)
        except OverflowError as error:
            problem = f"gave too much {words} ({error})"
        except (ValueError, TypeError, LookupError):
            problem = f"gave what cannot be read {words}"
        except BaseException:  # such as Ctrl-C
            self.end()
            raise
        else:
            raise self._said(head)
        self.end()
        raise UserError(f"{self._path} {problem}")

    def _send(self, content: bytes, until: float) -> None:
        view = memoryview(content)
        while view:
            _wait(self._stdin, selectors.EVENT_WRITE, until)
            view = view[self._stdin.write(view[: 2**20]) or 0 :]

    def _take(self, count: int, until: float) -> bytearray:
        content = bytearray()
        while len(content) < count:
            _wait(self._stdout, selectors.EVENT_READ, until)
            more = self._stdout.read(min(count - len(content), 2**20))
            if more == b"":
                raise EOFError
            content += more or b""
        return content

    def _said(self, head: dict[str, Any]) -> UserError:
        """The error that it names."""
        if head["error"] == "memory":
            self.end()
            size = f"{self._limits.num_bytes / _GIB:.3g} GiB"
            return UserError(f"{self._path} wanted more than {size} of memory: raise --memory")
        text = head.get("text")
        kind = DataError if head["error"] == DataError.__name__ else UserError
        return kind(shown(text, _LONGEST_TEXT) if isinstance(text, str) else "failed")

    def _died(self, words: str, remedy: str) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode
        if status == -signal.SIGALRM:
            return f"took longer than {self._limits.seconds:g} s {words}: {remedy}"
        if status == -signal.SIGKILL:
            return "was killed (signal SIGKILL), as the system does where memory runs out"
        if status is not None and status < 0:
            return f"crashed (signal {_name(-status)})"
        return "ended before it answered"


def _wait(pipe: IO[bytes], event: int, until: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        while not selector.select(min(60.0, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k in _PASSED or k.startswith("LC_")}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _machine_memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB
