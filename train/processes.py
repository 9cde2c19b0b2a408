"""One run of several processes: what each needs of the others, one machine or many.

With one process, everything here is free: nothing is sent, and the process is the first.
"""

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxverify.errors import UserError
from train.config import Config

# Seconds until a run gives up: to find the others, to miss one that fell silent, and to wait, on
# the way out, for the others to leave too.
CONNECT, HEARTBEAT, LEAVE = 60, 30, 60


def connect(config: Config) -> None:
    """Join the other processes of the run; before JAX is used for anything.

    Raises:
        UserError: if it is not known where the others are, or the address is taken.
    """
    try:
        jax.distributed.initialize(
            config.coordinator,
            config.num_processes,
            config.process_id,
            initialization_timeout=CONNECT,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=LEAVE,
        )
    except ValueError as error:
        raise UserError(
            "distributed is set, but JAX knows no cluster here: give --coordinator HOST:PORT, "
            "--num-processes N and --process-id I"
        ) from error
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"coordinator is {config.coordinator!r}: {reason}") from error


def wait_for_all() -> None:
    """Go on only when every process has come here."""
    multihost_utils.sync_global_devices("all are here")


def is_first() -> bool:
    """Whether this is process 0, the one that writes and prints."""
    return jax.process_index() == 0


def gather(text: str) -> list[str]:
    """The text of every process, by process id; all must call it."""
    if jax.process_count() == 1:
        return [text]
    content = np.frombuffer(text.encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.int32(len(content)))
    row = np.zeros(max(sizes.max(), 1), np.uint8)
    row[: len(content)] = content
    rows = multihost_utils.process_allgather(row)
    return [row[:size].tobytes().decode() for row, size in zip(rows, sizes, strict=True)]


def first_does(work: Callable[[], None]) -> None:
    """``work()``, in process 0 alone; all wait for it, and all raise its UserError."""
    refusal = ""
    if is_first():
        try:
            work()
        except UserError as error:
            refusal = str(error)
    refusal = gather(refusal)[0]
    if refusal:
        raise UserError(refusal)


def check_alike(facts: dict[str, Any], remedy: str) -> None:
    """Raise a UserError, in every process, where one has other ``facts`` than process 0.

    Args:
        facts: by name, as JSON takes them.
        remedy: what to do, the end of the error's sentence.
    """
    first, *others = [json.loads(text) for text in gather(json.dumps(facts))]
    for process, other in enumerate(others, start=1):
        names = [name for name in {**first, **other} if first.get(name) != other.get(name)]
        if names:
            raise UserError(
                f"process {process} has another {', '.join(names)} than process 0: {remedy}"
            )
