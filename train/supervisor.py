"""A parent that outlives its process of a distributed run, to say how it ended.

When a process of a run is gone, JAX aborts all others from a thread of its own: no exception is
raised, and Python has no say in it. So each process of a distributed run is two. The child trains;
the parent, which never starts JAX, waits for its end and turns a violent one into a sentence.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from jaxverify.errors import UserError
from jaxverify.exit_status import exit_status, print_error
from train.config import Config
from train.memory import keep_freed_memory


def supervise(config: Config) -> int:
    """Train in a child, as one process of a distributed run.

    Args:
        config: of the run, with ``distributed`` set.

    Returns:
        int: as :func:`jaxverify.exit_status.exit_status`, 1 after a traceback, and 2 where the
        child could not end by itself, after a line that says why.

    Guarantee: whichever process of a run dies, the others end with status 2 and one line, at the
    latest when JAX has missed it for HEARTBEAT seconds; no child outlives its parent.
    """
    config.check()
    spawn = multiprocessing.get_context("spawn")
    reader, writer = spawn.Pipe(duplex=False)
    handle, log = tempfile.mkstemp(prefix="jaxverify-", suffix=".log")
    os.close(handle)
    child = spawn.Process(target=_child, args=(config, writer, log))
    child.start()
    writer.close()

    def pass_on(signum: int, frame: object) -> None:  # the child's group is not the terminal's
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid or 0, signum)

    earlier = signal.signal(signal.SIGINT, pass_on)
    said = dict(_messages(reader))
    child.join()
    signal.signal(signal.SIGINT, earlier)

    if "status" in said or child.exitcode == 1:
        Path(log).unlink()
        return said.get("status", 1)
    print_error(f"{_cause(config, said, child.exitcode or 0)}; {_way_on(config)} (log: {log})")
    return 2


def _messages(reader: Connection) -> Iterator[tuple[str, Any]]:
    """What the child tells of itself, until it ends."""
    with contextlib.suppress(EOFError):
        while True:
            yield reader.recv()


def _cause(config: Config, said: dict[str, Any], exitcode: int) -> str:
    """Why the child ended, as far as its last words and its exit code tell."""
    from train.processes import CONNECT

    if "place" not in said and exitcode == -signal.SIGABRT:
        return (
            f"after {CONNECT} seconds the coordinator at {config.coordinator or 'its address'} "
            "did not answer, or not all processes of the run were there"
        )
    place = said.get("place", "this process")
    if "failed" in said:
        return f"{place} could not go on with the others: {said['failed']}"
    if exitcode == -signal.SIGABRT:
        return f"{place} was ended by JAX, since another process is gone or cannot be reached"
    ending = signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"
    return f"{place} was killed ({ending})"


def _way_on(config: Config) -> str:
    from train.run_folder import RunFolder

    try:  # of several seeds, one may be an evaluation ahead
        step = min(RunFolder(alone.run_folder).saved_step() for alone in config.each_seed())
    except UserError:
        return "there is no checkpoint yet"
    return f"the last checkpoint is of step {step}: the same commands with --resume go on"


def _child(config: Config, report: Connection, log: str) -> None:
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    native = _part_streams(log)
    keep_freed_memory()
    import jax

    from train import processes
    from train.loop import train
    from train.mesh import DataMesh

    def work() -> int:
        processes.connect(config)
        report.send(("place", f"process {jax.process_index()} of {jax.process_count()}"))
        DataMesh().meet()
        train(config, Console(quiet=not processes.is_first()))
        processes.wait_for_all()
        return 0

    try:
        status = exit_status(work)
    except Exception as error:
        # Ended at once: on the ordinary way out JAX waits for others, who wait for this process.
        if (lost := _origin(error, jax.errors.JaxRuntimeError)) is None:
            traceback.print_exc()
            os._exit(1)
        traceback.print_exc(file=native)
        report.send(("failed", str(lost).splitlines()[0]))
        os._exit(2)
    report.send(("status", status))
    jax.distributed.shutdown()


def _origin(error: BaseException, kind: type[Exception]) -> BaseException | None:
    """The exception of a kind among ``error`` and what it was raised from."""
    chain = error
    while chain is not None and not isinstance(chain, kind):
        chain = chain.__cause__ or chain.__context__
    return chain


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _part_streams(log: str) -> TextIO:
    """Python goes on printing where it did; what native code prints goes to the file ``log``."""
    native = os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND), "a", buffering=1)
    sys.stdout = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, buffering=1)
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, buffering=1)
    os.dup2(native.fileno(), 1)
    os.dup2(native.fileno(), 2)
    return native
