"""What a benchmark leaves: a JSON file that says what was measured, with what and where."""

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxverify.files.whole import write_whole
from train.provenance import PACKAGES, code_revision, machine, versions

_PACKAGES = (*PACKAGES, "torch", "opacus", "pyarrow")


@dataclass(frozen=True)
class Options:
    """What every benchmark takes."""

    json: Path | None = None
    """Write what was measured to this file; those that the documents quote are in
    results/benchmarks/."""
    rounds: int = 7
    """How many times each candidate is timed."""


def measure_each(
    names: Sequence[str], measure: Callable[[str], dict[str, Any]], benchmark: str, options: Options
) -> dict[str, dict[str, Any]]:
    """What ``measure`` finds of each name; written, if asked for, after each: all take long."""
    measured = {}
    for name in names:
        measured[name] = measure(name)
        if options.json:
            asked = {key: value for key, value in asdict(options).items() if key != "json"}
            write(options.json, benchmark, asked, measured)
    return measured


def write(path: Path, benchmark: str, config: dict[str, Any], measured: dict[str, Any]) -> None:
    """Write one benchmark's file, atomically.

    Args:
        path: of the file; its folder is made.
        benchmark: the command that was run, such as "benchmarks.train_step".
        config: what was asked of it.
        measured: what came out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).date().isoformat(),
        "config": config,
        "code_revision": code_revision(),
        "versions": versions(_PACKAGES),
        "processor": _processor(),
        **machine(),
        "measured": measured,
    }
    write_whole(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def _processor() -> str:
    """The processor's name, and the widest vectors it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = facts.get("flags", "").split()
    vectors = next((f for f in ("avx512f", "avx2", "avx") if f in flags), "")
    return f"{facts.get('model name', platform.processor())} {vectors}".strip()
