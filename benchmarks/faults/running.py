"""A scenario is run: in a process that stays, or in one of its own."""

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from benchmarks.faults.scenario import Scenario
from benchmarks.fresh_process import ROOT

_PATIENCE = 12.0  # seconds in which it keeps no core busy, on a machine that may be busy itself
_IDLE = 0.05  # of a core, the most of a process that only waits
_LONGEST = 240.0  # seconds, however busy
_MOST_MEMORY = 4 * 2**30  # resident
_TICK = os.sysconf("SC_CLK_TCK")
_ENTRY = "from jaxverify.cli.main import main; raise SystemExit(main())"
_OVERRIDES_PERMISSIONS = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_DROP = 24  # PR_CAPBSET_DROP


@dataclass(frozen=True)
class Ran:
    """What a command came to; the status is None where it did not end by itself."""

    status: int | None
    out: bytes
    err: bytes
    seconds: float
    hung: str = ""


def entry() -> list[str]:
    """The words before those of a command."""
    if (ROOT / "jaxverify" / "__main__.py").exists():
        return [sys.executable, "-m", "jaxverify"]
    return [sys.executable, "-c", _ENTRY]


COMPILE_FAST = {
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}


def environment() -> dict[str, str]:
    """Of a command, as a shell would have it."""
    left_out = ("JAX_COMPILATION_CACHE_DIR", "PYTHONWARNINGS", "COLUMNS", "FORCE_COLOR")
    kept = {k: v for k, v in os.environ.items() if k not in left_out}
    return kept | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}


def heed_permissions() -> None:
    """Let the processes that are started from here on heed permissions, even root's."""
    if os.geteuid() == 0:
        for each in _OVERRIDES_PERMISSIONS:
            ctypes.CDLL(None).prctl(_DROP, each, 0, 0, 0)


def own_process(
    scenario: Scenario, folder: Path, temporary: Path, words: Sequence[str] | None = None
) -> "Process":
    """Start the command, or other words, in a process of its own."""
    return Process(scenario, folder, temporary, words or scenario.command)


class Process:
    """A command in a process of its own."""

    def __init__(
        self, scenario: Scenario, folder: Path, temporary: Path, words: Sequence[str]
    ) -> None:
        """Start it."""
        if scenario.signal is not None:
            _usual_seconds()  # measured before it starts
        self._start, self._scenario = time.perf_counter(), scenario
        self._out, self._err = ((temporary.parent / f"{n}-{id(self)}") for n in ("out", "err"))
        self._handles: list[IO[bytes]] = []
        limited = scenario.largest_file is not None  # a file of what it prints would be, too
        env = environment() | {"TMPDIR": str(temporary)} | dict(scenario.env)
        if scenario.stdout == "ascii":
            env["PYTHONIOENCODING"] = "ascii"
        self._process = subprocess.Popen(
            [*(entry() if words[0] != "-m" else [sys.executable]), *words],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self._handle(_stdout(scenario, self._out)),
            stderr=self._handle(subprocess.PIPE if limited else self._err.open("wb")),
            preexec_fn=_before(scenario),
        )
        for each in self._handles:  # the process has its own
            each.close()

    def _handle(self, handle: IO[bytes] | int) -> IO[bytes] | int:
        if not isinstance(handle, int):
            self._handles.append(handle)
        return handle

    def ended(self) -> Ran:
        """Wait for its end, and signal it before if that is the fault."""
        if self._scenario.signal is not None:
            number, share = self._scenario.signal
            try:
                self._process.wait(share * _usual_seconds())
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
        out, err, watch = b"", b"", Watch(self._process.pid)
        while not (hung := watch.hung()):
            try:  # of what is printed, a pipe holds all
                self._process.wait(0.05)
                break
            except subprocess.TimeoutExpired:
                continue
        if hung:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            out, err = self._process.communicate()
        status = None if hung else self._process.returncode
        err = err or (self._err.read_bytes() if self._err.exists() else b"")
        out = out or (self._out.read_bytes() if self._out.exists() else b"")
        return Ran(status, out, err, time.perf_counter() - self._start, hung)

    def killed(self, after: float) -> Ran:
        """Wait ``after`` seconds for its end, then kill it."""
        try:
            self._process.wait(max(0.0, after - (time.perf_counter() - self._start)))
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self.ended()


def _stdout(scenario: Scenario, path: Path) -> IO[bytes] | int:
    if scenario.stdout == "full":
        return Path("/dev/full").open("wb")
    if scenario.stdout == "gone":
        reads, writes = os.pipe()
        os.close(reads)
        return os.fdopen(writes, "wb")
    # Where no file may be large, what is printed is kept in none.
    return path.open("wb") if scenario.largest_file is None else subprocess.PIPE


def _before(scenario: Scenario) -> Callable[[], None] | None:
    if scenario.stdout != "closed" and scenario.largest_file is None:
        return None  # Python code between fork and exec may wait for ever

    def before() -> None:
        if scenario.stdout == "closed":
            os.close(1)
        if scenario.largest_file is not None:
            size = scenario.largest_file
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return before


@lru_cache
def _usual_seconds() -> float:
    """Of a command that needs JAX, on this machine and now."""
    words = [*entry(), "plan", "--samples", "3000", "--classes", "4"]
    start = time.perf_counter()
    subprocess.run(words, env=environment(), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


class Watch:
    """Tells a process that hangs from one that is slow, as on a busy machine all are."""

    def __init__(self, pid: int) -> None:
        """Begin to watch."""
        self._pid, self._start = pid, time.perf_counter()
        self._since, self._then = self._start, self._busy()

    def hung(self) -> str:
        """Why it hangs, or nothing."""
        now = time.perf_counter()
        if now - self._start > _LONGEST:
            return "no end, and busy"
        if self._memory() > _MOST_MEMORY:
            return "memory"
        if now - self._since > _PATIENCE:
            busy = self._busy()
            if busy - self._then < _IDLE * (now - self._since):
                return "no end"
            self._since, self._then = now, busy
        return ""

    def _busy(self) -> float:
        try:
            fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICK

    def _memory(self) -> int:
        try:
            text = Path(f"/proc/{self._pid}/statm").read_text()
        except OSError:
            return 0
        return int(text.split()[1]) * resource.getpagesize()


class Worker:
    """A process that stays, and is started anew when it hangs or dies."""

    def __init__(self, compiled: Path) -> None:
        """Start none yet; what it compiles is kept in a folder, of which it is the only user."""
        self._compiled = compiled
        self._process: subprocess.Popen[bytes] | None = None

    def begin(
        self, scenario: Scenario, folder: Path, temporary: Path, words: Sequence[str] | None = None
    ) -> None:
        """Hand over a command."""
        if self._process is None:
            self._start()
        request: dict[str, Any] = {
            "folder": str(folder),
            "temporary": str(temporary),
            "command": list(words or scenario.command),
            "stdout": scenario.stdout,
            "env": dict(scenario.env),
            "largest_file": scenario.largest_file,
            "no_links": scenario.no_links,
        }
        self._requests.write((json.dumps(request) + "\n").encode())
        self._requests.flush()

    def ended(self) -> Ran:
        """Wait for its end."""
        assert self._process is not None
        start, watch = time.perf_counter(), Watch(self._process.pid)
        while not select.select([self._replies], [], [], 0.05)[0]:
            if hung := watch.hung():
                return self._lost(time.perf_counter() - start, hung)
        line = self._replies.readline()
        if not line:
            return self._lost(time.perf_counter() - start, "")
        reply = json.loads(line)
        out, err = (reply[name].encode("latin-1") for name in ("out", "err"))
        return Ran(reply["status"], out, err, reply["seconds"])

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._requests.close()
            self._replies.close()
            self._process = None

    def _start(self) -> None:
        reads, requests = os.pipe()
        replies, writes = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.worker", str(reads), str(writes)],
            cwd=ROOT,
            env=environment() | COMPILE_FAST | {"JAX_COMPILATION_CACHE_DIR": str(self._compiled)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(reads, writes),
        )
        os.close(reads)
        os.close(writes)
        self._requests, self._replies = os.fdopen(requests, "wb"), os.fdopen(replies, "rb", 0)

    def _lost(self, seconds: float, hung: str) -> Ran:
        assert self._process is not None
        if not hung:
            self._process.wait()
        status = None if hung else self._process.returncode
        self.close()
        return Ran(status, b"", b"", seconds, hung)
