"""Runs command lines one after the other in a process that stays, as if each had its own.

python -m benchmarks.faults.worker READ WRITE

From the file descriptor READ it takes a line of JSON for each, and to WRITE it answers so. What the
command prints is caught where a shell would catch it: at the file descriptors 1 and 2.
"""

import contextlib
import fcntl
import io
import json
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from jaxverify.cli import main as jaxverify

_PIPE_BYTES = 2**20
_LONGEST_PAUSE = 0.01  # seconds: what waits longer for an endpoint is not waited for


def main() -> None:
    """Serve until the other side closes."""
    reads, writes = map(int, sys.argv[1:])
    home = os.getcwd()
    # What is compiled is kept for the next worker, and a fault may hinder that.
    warnings.filterwarnings("ignore", message=".*persistent compilation cache")
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(float(seconds), _LONGEST_PAUSE))
    with os.fdopen(reads) as requests, os.fdopen(writes, "w") as replies:
        for line in requests:
            reply = _run(json.loads(line))
            os.chdir(home)
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


def _run(request: dict[str, Any]) -> dict[str, Any]:
    os.chdir(request["folder"])
    tempfile.tempdir = request["temporary"]
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(_caught(1, request["stdout"]))
        err = stack.enter_context(_caught(2, "kept"))
        stack.enter_context(patch.dict(os.environ, request["env"]))
        if request["largest_file"] is not None:
            stack.enter_context(_largest_file(request["largest_file"]))
        if request["no_links"]:
            stack.enter_context(patch("os.link", _no_links))
        status = _status(request["command"], request["stdout"])
    seconds = time.perf_counter() - start
    texts = {"out": out.getvalue().decode("latin-1"), "err": err.getvalue().decode("latin-1")}
    return {"status": status, "seconds": seconds, **texts}


def _status(command: list[str], stdout: str) -> int:
    """As the interpreter ends: errors in words, and then what is left to be written."""
    encoding = "ascii" if stdout == "ascii" else "utf-8"
    sys.stdout = None if stdout == "closed" else os.fdopen(1, "w", encoding=encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    try:
        status = jaxverify(command)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        print("Exception ignored in: <stdout>", file=sys.stderr)
        status = 120
    sys.stderr.flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    return status


@contextlib.contextmanager
def _caught(number: int, how: str) -> Iterator[io.BytesIO]:
    """What is written to a file descriptor meanwhile."""
    caught, before = io.BytesIO(), fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 100)
    reads, writes = os.pipe()
    reads_high = fcntl.fcntl(reads, fcntl.F_DUPFD_CLOEXEC, 100)
    os.close(reads)
    fcntl.fcntl(reads_high, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    if how == "full":
        os.close(writes)
        writes = os.open("/dev/full", os.O_WRONLY)
    os.dup2(writes, number)
    os.close(writes)
    if how == "gone":
        os.close(reads_high)
    elif how == "closed":
        os.close(number)
    try:
        yield caught
    finally:
        os.dup2(before, number)  # closes the other end
        os.close(before)
        if how != "gone":
            with os.fdopen(reads_high, "rb") as file:
                caught.write(file.read())


@contextlib.contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """As on a disk that fills up while a file is being written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _no_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


if __name__ == "__main__":
    main()
