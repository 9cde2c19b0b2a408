"""What both programs share: outcomes are kept, and the same command goes on where it stopped."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fresh_process import ROOT
from train.provenance import code_revision


@dataclass(frozen=True)
class Resumable:
    """Where outcomes are kept, and for how long it runs."""

    seed: int = 0
    """From which all is drawn."""
    runs: Path = ROOT / "runs" / "faults"
    """Where the outcomes are kept."""
    minutes: float = 1e9
    """Stop after this time; the same command goes on."""
    json: Path | None = None
    """Write the counts to this file; docs/faults.md is drawn from results/benchmarks/."""
    started: float = field(default_factory=time.monotonic, init=False, repr=False)

    def folder(self) -> Path:
        """That of the code's revision and the seed, made if there is none."""
        folder = self.runs / f"{(code_revision() or 'unknown')[:12]}-{self.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def is_over(self) -> bool:
        """Whether its time is."""
        return time.monotonic() - self.started > 60 * self.minutes
