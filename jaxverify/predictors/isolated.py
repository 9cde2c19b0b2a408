"""A model of others in a process of its own, with limits of time and memory."""

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
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

import numpy as np

from jaxverify.errors import DataError, UserError
from jaxverify.predictors.messages import pack, unpack
from jaxverify.predictors.model import Input, Model

Runtime = Literal["onnx", "torch"]
T = TypeVar("T")

_GIB = 2**30
_LONGEST_TEXT = 2000
_LONGEST_NAME, _MOST_NAMES, _MOST_AXES = 1000, 1000, 64
# All that the process gets of the environment: how to find Python and what it loads. Tokens and
# passwords are often there, and a model has no business with them.
_PASSED = {
    *("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
}
_NEEDED = {
    "onnx": ("onnxruntime", "an ONNX file needs ONNX Runtime: pip install 'jaxverify[onnx]'"),
    "torch": ("torch", "a PyTorch model needs PyTorch: pip install 'jaxverify[torch]'"),
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


def check_installed(runtime: Runtime) -> None:
    """See that there is what runs a model, without loading it.

    Raises:
        UserError: if there is not.
    """
    package, words = _NEEDED[runtime]
    if find_spec(package) is None:
        raise UserError(f"{words}, or take --predictions")


def open_isolated(runtime: Runtime, path: Path, content: bytes, limits: Limits) -> Model:
    """A model in a process of its own, which ends with the model's last reference.

    The process gets no variables of the environment but those that it needs, and none of our open
    files; what it prints is not shown. It runs as the same user, so a model that is out for harm
    still reads the files that this user reads, and reaches the network. Memory is bounded where
    the system bounds it, as Linux does.

    Args:
        runtime: what runs it.
        path: what errors call the file.
        content: of the file.
        limits: of each answer, too.

    Raises:
        UserError: if it breaks a limit, crashes, or gives what is no answer; as the runtime's
            ``open_onnx`` or ``open_torch`` does. Later, where the model is asked, likewise.

    Guarantee: whatever the model does, this process gets its inputs and outputs, or a UserError,
    within the time; no pickle is read. After an error of limits no process is left.
    """
    process = _Process(path, limits)
    head = {"runtime": runtime, "path": str(path), "size": len(content)}
    head |= {"seconds": limits.seconds, "memory": limits.num_bytes}
    inputs = process.ask([pack(head), content], "to open", "raise --timeout", _inputs)
    fixed = Model(inputs, lambda _: {}).size is not None

    def run(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
        count = len(arrays[0])
        remedy = "raise --timeout" + (" or lower --batch-size" if count > 1 and not fixed else "")
        words = f"for {count} question{'s' if count > 1 else ''}"
        return process.ask([pack({}, arrays)], words, remedy, _outputs)

    return Model(inputs, run)


class _Process:
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
        text = text[:_LONGEST_TEXT] if isinstance(text, str) else "failed"
        kind = DataError if head["error"] == DataError.__name__ else UserError
        return kind("".join(each if each.isprintable() else "?" for each in text))

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


def _machine_memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _inputs(head: dict[str, Any], values: list[Any]) -> tuple[Input, ...]:
    found = [Input(name, _axes(shape), dtype) for name, shape, dtype in head["inputs"]]
    _check_names([text for each in found for text in (each.name, each.dtype)])
    return tuple(found)


def _axes(shape: Any) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    if len(shape) > _MOST_AXES:
        raise ValueError("too many axes")
    if not all(axis is None or (type(axis) is int and 0 <= axis < 2**62) for axis in shape):
        raise ValueError("no shape")
    return tuple(shape)


def _outputs(head: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    _check_names(head["outputs"])
    return dict(zip(head["outputs"], values, strict=True))


def _check_names(names: Any) -> None:
    """They are shown in errors."""
    if not isinstance(names, list) or len(names) > _MOST_NAMES:
        raise ValueError("no names")
    if not all(isinstance(each, str) and each.isprintable() for each in names):
        raise ValueError("no names")
    if any(len(each) > _LONGEST_NAME for each in names):
        raise ValueError("no names")
