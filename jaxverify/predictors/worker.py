"""The process in which a model of others runs: ``python -m jaxverify.predictors.worker``.

It is told what to open and what to ask on its standard input, and answers on its standard output;
see :mod:`jaxverify.predictors.isolated`. A model finds both closed.
"""

import ctypes
import os
import re
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from jaxverify.errors import UserError
from jaxverify.predictors.messages import outline, pack, unpack
from jaxverify.predictors.model import Model, reason

_GRACE = 5.0  # seconds after which it ends itself, should nobody have ended it
_A_YEAR = 3.2e7
_LARGEST_FILE = 16 * 2**20
_FILES = 256
_NO_MEMORY = re.compile(
    r"bad_alloc|bad allocation|cannot allocate memory|can't allocate memory"
    r"|failed to allocate memory|not enough memory|failed to map segment",
    re.IGNORECASE,
)


def main() -> None:
    """Open a model, and answer until there is no more question.

    Guarantee: what the model prints goes nowhere. The process ends when the one that started it
    does, or soon after the time for an answer is over.
    """
    questions, answers = _pipes()
    with suppress(EOFError, BrokenPipeError):
        take = partial(_take, questions)
        head, _ = unpack(take)
        _limit(head["memory"])
        serve = partial(_serve, answers, min(head["seconds"], _A_YEAR) + _GRACE, head["path"])
        content = take(head["size"])
        opened: list[Model] = []

        def begin() -> bytes:
            opened.append(_open(head["runtime"], content, Path(head["path"])))
            inputs = [[each.name, each.shape, each.dtype] for each in opened[0].inputs]
            return pack({"inputs": inputs})

        def answer(values: list[Any]) -> bytes:
            outputs = opened[0].run(values)
            return pack({"outputs": list(outputs)}, [outline(each) for each in outputs.values()])

        serve(begin)
        while opened:
            _, values = unpack(take)
            serve(partial(answer, values))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Where questions come from and answers go to, which are then no longer 0 and 1."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return questions, answers


def _take(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _limit(memory: int) -> None:
    """What the kernel does for us: it ends the process with its parent, and keeps it small."""
    with suppress(AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    with suppress(OSError):  # where memory runs out this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _open(runtime: str, content: bytes, path: Path) -> Model:
    if runtime == "onnx":
        from jaxverify.predictors.onnx import open_onnx

        return open_onnx(path, content)
    from jaxverify.predictors.pytorch import open_torch

    return open_torch(path, content)


def _serve(answers: BinaryIO, seconds: float, path: str, work: Callable[[], bytes]) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)  # its signal ends a process, whatever that does
    try:
        message = work()
    except Exception as error:
        message = pack(_failure(error, path))
    answers.write(message)
    answers.flush()
    signal.setitimer(signal.ITIMER_REAL, 0)


def _failure(error: Exception, path: str) -> dict[str, str]:
    for each in (error, error.__cause__):
        if isinstance(each, MemoryError) or _NO_MEMORY.search(str(each)):
            return {"error": "memory", "text": ""}
    if isinstance(error, UserError):
        return {"error": type(error).__name__, "text": str(error)}
    words = f"{path} failed ({type(error).__name__}: {reason(error)})"
    return {"error": UserError.__name__, "text": words}


if __name__ == "__main__":
    main()
