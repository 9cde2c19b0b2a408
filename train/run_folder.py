"""The folder of a run: what it is, what was measured, and where the model lies."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jaxverify import UserError, runs
from jaxverify.files.whole import write_whole
from train import processes
from train.config import FOLDERS_OF_DATA, Config
from train.json_lines import JsonLines, Row
from train.provenance import code_revision, machine, versions
from train.summary import quality
from train.training_set import TrainingSet

# In what the processes of one run may differ.
_OF_A_PROCESS = ("config", "cpu_count", "coordinator", "process_id", *FOLDERS_OF_DATA)


class RunFolder:
    """Where a run lies: every file but the ``.jsonl``, which grow, is written whole or not at all.

    Of several processes, all read and the first writes.

    ``config.json``, of text ``vocabulary.json``, ``metrics.jsonl`` of the evaluations and
    ``probes.jsonl`` of the times at which the extra task alone was asked for, ``checkpoints/``, and
    at the end ``verdict.json``, ``result.json`` and ``curve.png``.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is read or written."""
        self.path = path
        self.checkpoints = path / runs.CHECKPOINTS
        self._metrics = JsonLines(path / "metrics.jsonl")
        self._probes = JsonLines(path / "probes.jsonl")

    @classmethod
    def begin(cls, config: Config, data: TrainingSet) -> "RunFolder":
        """Make the folder of a new run, or open the one that ``config`` resumes.

        Raises:
            UserError: if the folder holds a run and ``config.resume`` is not set, or another
                run than the one to be resumed.
        """
        folder = cls(config.run_folder)
        about = describe(config, data)
        facts = {**about, **config.to_json()}
        alike = {name: facts[name] for name in facts if name not in _OF_A_PROCESS}
        processes.check_alike(alike, "start all with the same command, data and code")
        processes.first_does(lambda: folder._write_about(config, data, about))
        path = folder.path / runs.ABOUT
        seen = path.read_text() if path.exists() else None
        processes.check_alike({str(path): seen}, "all must share one run folder")
        return folder

    def _write_about(self, config: Config, data: TrainingSet, about: dict[str, Any]) -> None:
        if (self.path / runs.ABOUT).exists():
            self._check_resumable(config, data)
            earlier = self.about()["code_revisions"]
            about["code_revisions"] = list(dict.fromkeys([*earlier, *about["code_revisions"]]))
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_json(runs.ABOUT, about)
        if data.vocabulary is not None:
            length = data.train.features.shape[1]
            words = {"words": data.vocabulary, "max_length": length}
            self.write_json(runs.VOCABULARY, words)

    def _check_resumable(self, config: Config, data: TrainingSet) -> None:
        if not config.resume:
            raise UserError(
                f"{self.path} holds a run already: go on with --resume, or choose another --workdir"
            )
        earlier = self.about()
        changed = Config.from_json(earlier["config"]).differences(config)
        if changed:
            raise UserError(f"the run in {self.path} has another {', '.join(changed)}")
        if earlier["data_fingerprint"] != data.fingerprint:
            raise UserError(f"the run in {self.path} was trained on other data")

    def about(self) -> dict[str, Any]:
        """What ``config.json`` says: configuration, task, data fingerprint, versions."""
        return runs.about(self.path)

    def saved_step(self, *, best: bool = False) -> int:
        """The step of the last checkpoint, or of the best one on the test set."""
        steps = runs.saved_steps(self.checkpoints)
        if not steps:
            raise UserError(f"{self.path} holds no finished checkpoint yet")
        if not best:
            return steps[-1]
        rows = [row for row in self.metrics() if row["step"] in steps]
        return max(rows, key=quality)["step"]

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Write one file, atomically."""
        self.write_bytes(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one file, atomically."""
        if processes.is_first():
            write_whole(self.path / name, content)

    def append_metrics(self, row: Row) -> None:
        """Add the measurements of one evaluation."""
        if processes.is_first():
            self._metrics.append(row)

    def append_probe(self, row: Row) -> None:
        """Add what was found of the extra task between evaluations."""
        if processes.is_first():
            self._probes.append(row)

    def metrics(self) -> list[Row]:
        """All evaluations so far."""
        return self._metrics.read()

    def probes(self) -> list[Row]:
        """All that was found of the extra task between evaluations, so far."""
        return self._probes.read()

    def rewind(self, step: int) -> Row:
        """Forget what was measured after ``step``, which a resumed run measures again.

        Returns:
            dict: the last evaluation until then; of none, one of the beginning.
        """
        rows = [row for row in self.metrics() if row["step"] <= step]
        if processes.is_first():
            self._metrics.rewind(step)
            self._probes.rewind(step)
        return rows[-1] if rows else {"seconds": 0.0}


def describe(config: Config, data: TrainingSet) -> dict[str, Any]:
    """All that is needed to know, and to repeat, a run."""
    return {
        "config": config.to_json(),
        "task": None if data.task is None else asdict(data.task),
        "num_classes": data.num_classes,
        "vocab_size": data.vocab_size,
        "train_samples": len(data.train.labels),
        "test_samples": len(data.test.labels),
        "data_fingerprint": data.fingerprint,
        "code_revisions": [code_revision()],  # a resumed run may have seen several
        "versions": versions(),
        **machine(),
    }
