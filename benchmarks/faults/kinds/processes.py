"""What can happen to a process: its streams, signals, and another beside it."""

import signal
from random import Random

from benchmarks.faults import bases
from benchmarks.faults.scenario import Base, Scenario, Stream
from benchmarks.faults.server import Exchange

_STREAMS: tuple[Stream, ...] = ("closed", "full", "gone", "ascii")
_ENVIRONMENTS = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "utf-16"},
    {"TERM": "dumb", "LC_ALL": "POSIX"},
    {"COLUMNS": "1"},
    {"COLUMNS": "x"},
    {"NO_COLOR": "1"},
    {"TMPDIR": "/missing"},
    {"HOME": "/missing"},
)


def streams(rng: Random) -> Scenario:
    """An output stream that takes nothing, or not all characters."""
    base = rng.choice([bases.any_of(rng), _helps(rng)])
    if rng.random() < 0.6:
        stream = rng.choice(_STREAMS)
        return Scenario(
            "streams", f"{base.command[0]}: {stream}", base, base.command, stdout=stream
        )
    env = rng.choice(_ENVIRONMENTS)
    words = ", ".join(f"{k}={v}" for k, v in env.items())
    return Scenario("streams", f"{base.command[0]}: {words}", base, base.command, env=env)


def _helps(rng: Random) -> Base:
    return Base("table", (rng.choice(["verify", "protect", "plan", "show", "audit"]), "--help"))


def _slowly(exchange: Exchange) -> None:
    import time

    time.sleep(0.1)
    exchange.answer()


def signals(rng: Random) -> Scenario:
    """An interrupt or an end from outside, at any time."""
    base, number = bases.any_of(rng), rng.choice([signal.SIGINT, signal.SIGINT, signal.SIGTERM])
    words = base.given("--batch-size", "4") if base.asks else base.command
    return Scenario(
        "signals",
        f"{base.command[0]}: {signal.Signals(number).name}",
        base,
        words,
        server=_slowly,
        signal=(int(number), rng.random()),
    )


def together(rng: Random) -> Scenario:
    """Two commands at once, on the same record or with the same outputs."""
    base = rng.choice([bases.protect, bases.challenge, bases.verify, bases.calibrate, _asked])(rng)
    beside = base.command
    if base.command[0] == "verify" and "--predictions" in base.command:
        other = rng.choice(["right.json", "wrong.json"])
        if base.knows is not None and rng.random() < 0.7:
            beside = base.given("--predictions", other)
    same = "the same twice" if beside == base.command else "on one record"
    variant = f"{base.command[0]}: {same}"
    return Scenario("together", variant, base, base.command, beside=beside)


def _asked(rng: Random) -> Base:
    return bases.ask(rng, cache=True)
