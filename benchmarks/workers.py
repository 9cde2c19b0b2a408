"""Candidates in processes of their own, so that no thread pool or allocator is in another's way."""

import multiprocessing
import os
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any, Self


class Worker(AbstractContextManager["Worker"]):
    """A function that is made, and then called, in a process of its own.

    Args:
        make: a function of a module; it returns the function to be called.
        arguments: of ``make``.
        xla_flags: added to the environment's, before JAX reads them there.
    """

    def __init__(
        self, make: Callable[..., Callable[[], Any]], *arguments: Any, xla_flags: str = ""
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        target = (other, make, arguments, xla_flags)
        self._process = context.Process(target=_serve, args=target, daemon=True)
        self._process.start()
        other.close()

    def __call__(self) -> Any:
        """What the function returns; a RuntimeError with its traceback where it fails."""
        self._connection.send("call")
        try:
            succeeded, answer = self._connection.recv()
        except EOFError:
            raise RuntimeError("the process of a candidate is gone") from None
        if not succeeded:
            raise RuntimeError(f"a candidate failed:\n{answer}")
        return answer

    def __enter__(self) -> Self:
        """The worker itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the process."""
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(
    connection: Connection,
    make: Callable[..., Callable[[], Any]],
    arguments: tuple[Any, ...],
    xla_flags: str,
) -> None:
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {xla_flags}".strip()
    function = None
    while True:
        try:
            connection.recv()
        except (EOFError, OSError):
            return
        try:
            function = function or make(*arguments)
            answer = True, function()
        except Exception:
            answer = False, traceback.format_exc()
        connection.send(answer)
