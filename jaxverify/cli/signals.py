"""Signals that ask a command to end: it is interrupted, and removes what is to be removed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 0.05  # seconds


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Within the block, take a request to end for an interruption.

    Guarantee: a request raises KeyboardInterrupt. Where Python would drop the exception, it comes
    a moment later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _drops_exceptions(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        return
    raise KeyboardInterrupt


def _drops_exceptions(frame: FrameType | None) -> bool:
    """Whether it runs for the garbage collector, which prints exceptions and goes on."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or "gc_callback" in frame.f_code.co_name:
            return True
        frame = frame.f_back
    return False
