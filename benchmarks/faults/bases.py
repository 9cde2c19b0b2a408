"""Command lines that work, from which each scenario starts."""

from random import Random

from benchmarks.faults.checks import TOKEN
from benchmarks.faults.projects import DATA, PROTECT
from benchmarks.faults.scenario import Base

URL = "http://127.0.0.1:PORT/v1/models/m:predict"
ENV = {"MODEL_TOKEN": f"Bearer {TOKEN}"}
OUTPUTS = ("--out", "--record", "--html", "--in-toto", "--cache", "--picture")
TABLES = ("table", "text")
_FORMS = ("table", "text", "array", "images", "parquet")
_SUFFIXES = {"array": ".npz", "images": "", "parquet": ".parquet"}


def protect(rng: Random) -> Base:
    """Of any format."""
    name = rng.choice(_FORMS)
    data = DATA[name]
    suffix = data.removeprefix("data") if data.startswith("data") else ""
    words = ["protect", data, "--out", f"out{suffix}", "--record", "new.json"]
    return Base(name, (*words, *PROTECT))


def planned(rng: Random) -> Base:
    """By a plan."""
    words = ["protect", DATA["table"], "--out", "out.csv", "--record", "new.json"]
    return Base("table", (*words, "--plan", "plan.json", "--force"))


def challenge(rng: Random) -> Base:
    """With real samples among the questions, or without."""
    name = rng.choice(_FORMS)
    more = rng.choice([(), ("--decoys", DATA[name]), ("--own", DATA[name]), ("--shard", "1/2")])
    out = f"asked{_SUFFIXES.get(name, rng.choice(['.csv', '.jsonl', '.parquet']))}"
    return Base(name, ("challenge", "record.json", "--out", out, *more))


def verify(rng: Random, *, reports: bool = False) -> Base:
    """Answers in a file, right or wrong."""
    name, knows = rng.choice(_FORMS), rng.random() < 0.5
    suffix = rng.choice([".csv", ".json", ".jsonl", ".parquet"])
    answers = f"{'right' if knows else 'wrong'}{suffix}"
    words = ["verify", "record.json", "--predictions", answers]
    if reports or rng.random() < 0.3:
        words += rng.choice(
            [
                ["--html", "report.html"],
                ["--in-toto", "statement.json"],
                ["--html", "report.html", "--in-toto", "statement.json"],
            ]
        )
    words += rng.choice([[], [], ["--json"], ["--test", "sequential"], ["--test", "permutation"]])
    if "--test" not in words and rng.random() < 0.2:
        words += ["--own", DATA[name], "--own-accuracy", "0.5"]
    return Base(name, tuple(words), knows)


def ask(rng: Random, *, cache: bool = False) -> Base:
    """A model behind an endpoint, which knows or does not."""
    name, knows = rng.choice(TABLES), rng.random() < 0.5
    words = ["verify", "record.json", "--url", URL, "--auth-env", "MODEL_TOKEN"]
    words += ["--timeout", "1", "--retries", str(rng.choice([0, 1, 2]))]
    if cache or rng.random() < 0.5:
        # The cache that is there, or a new one.
        kept = f"{'right' if knows else 'wrong'}.cache.jsonl"
        words += ["--cache", rng.choice([kept, "new.cache.jsonl"])]
    words += rng.choice([[], [], ["--json"], ["--test", "sequential"], ["--html", "report.html"]])
    return Base(name, tuple(words), knows, asks=True)


def calibrate(rng: Random) -> Base:
    """A plan of models trained at home."""
    words = ["calibrate", "record.json", "--finished", "right.csv", "--cut", "wrong.csv"]
    return Base("home", (*words, "--max-share", "0.5", "--out", "new-plan.json"))


def plan(rng: Random) -> Base:
    """How many extra samples it takes."""
    more = rng.choice([(), ("--json",), ("--picture", "power.png"), ("--eta", "0.1")])
    return Base("table", ("plan", "--samples", "3000", "--classes", "4", *more))


def look(rng: Random) -> Base:
    """At a record."""
    commands = [("show",), ("show", "--json"), ("commit",), ("audit", "--commitment", "0" * 64)]
    first, *more = rng.choice(commands)
    return Base(rng.choice(_FORMS), (first, "record.json", *more))


COMMANDS = (protect, planned, challenge, verify, ask, calibrate, plan, look)


def any_of(rng: Random) -> Base:
    """One of all commands."""
    return rng.choice(COMMANDS)(rng)
