"""What is to be done if this process is killed, which then can do nothing itself."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def if_killed(line: str, *paths: Path) -> Iterator[None]:
    """Have a line of shell run if this process ends before the block does.

    A shell of a session of its own waits at a pipe. It reads a word where the block is left, in
    whatever way, and the end of the pipe where the process is killed.

    Args:
        line: of shell, in which ``$1`` and so on are the paths.
        paths: made absolute.

    Guarantee: where the block is left, the line is not run. Where there is no shell, nothing is
    done.
    """
    command = ["/bin/sh", "-c", f"trap '' HUP INT TERM; read -r _ || {{ {line}; }}", "sh"]
    try:
        shell = subprocess.Popen(
            [*command, *map(Path.absolute, paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    except OSError:
        shell = None
    try:
        yield
    finally:
        if shell is not None:
            with contextlib.suppress(OSError):
                shell.communicate(b"done\n")
