"""How long a run will take: as its like did, or as the benchmark of the training step says."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from train.config import Config
from train.reproduction.arms import Cell
from train.reproduction.finished import finished
from train.reproduction.plan import Run

_ROOT = Path(__file__).parent.parent.parent
_TRAIN_STEP = _ROOT / "results" / "benchmarks" / "train_step.json"
_PAPER = json.loads((_ROOT / "train" / "paper_tables.json").read_text())
_TEST_SAMPLES = {"cifar10": 10_000, "cifar100": 10_000, "imdb": 25_000, "ag_news": 7_600}
_WORDS = {"ag_news": 64}  # of other texts, as the benchmark has them:
_BENCHMARK_WORDS = 256
_STARTING = 30  # seconds to read the data and to compile
_INFERENCE = 3  # times as fast as training: no backward pass

_Kind = tuple[str, Cell, int | None, float, int | None]


class Durations:
    """Expected seconds of runs, those of finished runs taken from their folders."""

    def __init__(self, root: Path, runs: Iterable[Run]) -> None:
        """Look up what has been finished under ``root`` of the cells of ``runs``."""
        self._root = root
        seconds: dict[_Kind, list[float]] = defaultdict(list)
        for budget, cell in {(run.budget, run.cell) for run in runs}:
            for path in (root / budget / "-".join(cell)).glob("*/result.json"):
                result = json.loads(path.read_text())
                config = Config.from_json(result["config"])
                seconds[_kind(budget, cell, config)].append(result["seconds"])
        self._seen = {kind: statistics.mean(values) for kind, values in seconds.items()}

    def expected(self, run: Run) -> float:
        """Seconds until ``run`` is finished, 0 if it is; what a part of it took is not deducted."""
        config = run.config(self._root, None)
        if finished(run, config) is not None:
            return 0.0
        seen = self._seen.get(_kind(run.budget, run.cell, config))
        return _estimate(config) if seen is None else seen


def _kind(budget: str, cell: Cell, config: Config) -> "_Kind":
    """What runs of like duration have in common."""
    return budget, cell, config.train_samples, config.epochs, config.max_length


def _estimate(config: Config) -> float:
    """Seconds on the machine of ``results/benchmarks/train_step.json``."""
    step = json.loads(_TRAIN_STEP.read_text())["measured"][config.model.removesuffix("_bn")]
    speed = step["batch_size"] / step["seconds"]["ours"]["median"]
    if config.dataset in ("imdb", "ag_news"):
        words = config.max_length or _WORDS.get(config.dataset, _BENCHMARK_WORDS)
        speed *= _BENCHMARK_WORDS / words
    samples = config.train_samples or _PAPER["table1"][config.dataset][config.model][0]
    test = config.test_samples or _TEST_SAMPLES[config.dataset]
    evaluations = config.epochs / config.eval_every
    return _STARTING + (config.epochs * samples + evaluations * test / _INFERENCE) / speed


def spell(seconds: float) -> str:
    """For people.

    >>> spell(59.7), spell(3 * 3600 + 5 * 60), spell(100_000)
    ('1 min', '3 h 05 min', '27 h 47 min')
    """
    minutes = -(-timedelta(seconds=seconds) // timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
