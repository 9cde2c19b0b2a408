"""Servers in processes of their own, which are waited for and always end."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

DEADLINE = 180.0  # seconds until all have started
ENVIRONMENT = os.environ | {
    # MLflow starts other commands of this environment,
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    # and tells its makers how it is used, if it is not told otherwise.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def start(command, log):
    """``python command``, all that it says in the file ``log``."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be ended with it
            env=ENVIRONMENT,
        )


def end(process):
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def serving(commands, folder):
    """Runs servers until the block is left, which begins when all answer.

    Args:
        commands: of each server, by a URL that answers when it is ready.
        folder: for logs, of which is shown what one says that does not start.
    """
    logs = [folder / f"{i}.log" for i in range(len(commands))]
    started = []
    try:
        for command, log in zip(commands.values(), logs, strict=True):
            started.append(start(command, log))
        deadline = time.monotonic() + DEADLINE
        for health, process, log in zip(commands, started, logs, strict=True):
            wait(process, health, log, deadline)
        yield
    finally:
        for process in started:
            end(process)


def wait(process, health, log, deadline):
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(health, timeout=5) as response:
            if response.status == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"no answer from {health}:\n{log.read_text(errors='replace')[-3000:]}")
