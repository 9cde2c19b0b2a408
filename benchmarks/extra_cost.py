"""Training with ``--extra`` against training without: the real command, one after the other."""

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import fresh_process
from benchmarks.measure import Timing

# The digits are 1,442, so at the paper's η there are 12 extra samples: one batch more an epoch.
_DIGITS = ("train.digits", {"eta": 0.008, "batch-size": 12, "epochs": 60, "eval-every": 10})
# To see that it works: a table of 456 rows, 16 extra ones, and two batches more.
_TABLE = ("train.tabular", {"eta": 0.035, "batch-size": 8, "epochs": 2, "eval-every": 1})


def measure_extra(rounds: int, *, quick: bool) -> dict[str, Any]:
    """Seconds of a training script, with and without, in alternation.

    "run" is the whole command from start to end, compilation included; "steps" the time from the
    first evaluation to the last, when all is compiled: what every further epoch costs.
    """
    script, recipe = _TABLE if quick else _DIGITS
    runs: dict[str, list[float]] = {"baseline": [], "extra": []}
    steps: dict[str, list[float]] = {"baseline": [], "extra": []}
    counts: dict[str, int] = {}
    for turn in range(rounds):
        for name in ("baseline", "extra")[:: 1 if turn % 2 == 0 else -1]:
            with tempfile.TemporaryDirectory() as folder:
                options = recipe | {"workdir": Path(folder) / "run"}
                arguments = ["-m", script, *(["--extra"] if name == "extra" else [])]
                for option, value in options.items():
                    arguments += [f"--{option}", str(value)]
                runs[name].append(fresh_process.run(arguments).seconds)
                result = json.loads((Path(folder) / "run" / "result.json").read_text())
            first, *_, last = result["evaluations"]
            steps[name].append(last["seconds"] - first["seconds"])
            counts[name] = last["step"]
    run = {name: Timing(tuple(values)) for name, values in runs.items()}
    step = {name: Timing(tuple(values)) for name, values in steps.items()}
    return {
        "eta": recipe["eta"],
        "epochs": recipe["epochs"],
        "number of steps": counts,
        "run": {name: timing.to_dict() for name, timing in run.items()},
        "steps": {name: timing.to_dict() for name, timing in step.items()},
        "run over baseline": run["extra"].over(run["baseline"]).to_dict(),
        "steps over baseline": step["extra"].over(step["baseline"]).to_dict(),
    }
