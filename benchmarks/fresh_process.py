"""Measuring in a process of its own, so that time and memory are those of one thing alone."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent


class Ended(NamedTuple):
    """A process that has ended: what it printed, and the seconds from its start to its end.

    ``processor_seconds`` are those that it kept a core busy, summed over the cores.
    """

    output: str
    seconds: float
    processor_seconds: float


def run(arguments: Sequence[str]) -> Ended:
    """Run ``python`` with these arguments, to its end."""
    # No cache of compiled programs: one run would save time for the next.
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    start, busy = time.perf_counter(), _of_children()
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Ended(process.stdout, time.perf_counter() - start, _of_children() - busy)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(module: str, *arguments: object) -> dict[str, Any]:
    """The JSON object that ``module``, run as a script, prints on its last line."""
    ended = run(["-m", module, *map(str, arguments)])
    return json.loads(ended.output.splitlines()[-1])


def peak_bytes() -> int:
    """The most memory that this process has held (resident set size)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    # getrusage's number would begin with what the parent held when it started this process.
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
