"""Working off a list of runs: each once, in its own folder, whatever happens in between."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import jax
from filelock import FileLock, Timeout
from rich.console import Console

from train.loop import TrainingError, train
from train.reproduction.duration import Durations, spell
from train.reproduction.finished import finished
from train.reproduction.plan import Run


def work_off(
    runs: Sequence[Run], root: Path, data: Path | None, console: Console
) -> dict[Run, str]:
    """Train every run that is not finished yet; one that a crash cut short goes on.

    Several of these may work off the same list at once: each takes the runs that no other has in
    hand.

    Args:
        runs: in the order in which they are wanted.
        root: where their folders lie.
        data: as :meth:`Run.config` takes it.
        console: where progress is shown.

    Returns:
        dict: the runs that are not finished, and why not.

    Raises:
        UserError: if a folder holds another run than the one that it is named after.

    Guarantee: a run that is finished, or published from another machine, is never trained again,
    no two runs share a folder, and killed at any moment and started again the results are the same.
    """
    failed: dict[Run, str] = {}
    for i, run in enumerate(runs):
        config = run.config(root, data)
        config.run_folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(config.run_folder / ".lock")
        try:
            with lock.acquire(blocking=False):
                if finished(run, config) is not None:
                    continue
                durations = Durations(root, runs)
                left = spell(sum(durations.expected(other) for other in runs[i:]))
                console.rule(f"run {i + 1} of {len(runs)}, {left} to go: {run.name}")
                (folder,) = train(config, console)
                shutil.rmtree(folder.checkpoints)  # half a gigabyte, of no more use
        except Timeout:
            failed[run] = "in work by another process"
        except TrainingError as error:
            failed[run] = str(error)
            console.print(f"[red]{run.name}: {error}")
        jax.clear_caches()  # the next run has another program; the memory of this one is wanted
    return failed
