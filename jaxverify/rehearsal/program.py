"""A rehearsal by the customer's own program."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from jaxverify.challenge import questions, sample_ids, write_questions
from jaxverify.errors import DataError, UserError
from jaxverify.files.json_file import read_json
from jaxverify.predictors.answers import Classes, How, in_order
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.reading import read_all
from jaxverify.protect import protect
from jaxverify.record.record import Record, load
from jaxverify.rehearsal.checkpoints import Checkpoint
from jaxverify.rehearsal.setting import claim, fingerprint
from jaxverify.task.doses import Doses
from jaxverify.task.options import TaskOptions

QUALITY = "quality.json"
_PLACES = ("{data}", "{questions}", "{out}")


@dataclass(frozen=True)
class ProgramRehearsal:
    """A folder in which a rehearsal is kept, so that it goes on where it was stopped.

    Attributes:
        folder: holds the protected data, their record, the questions, and a folder for each seed.
        trainer: a command, in which ``{data}``, ``{questions}`` and ``{out}`` stand for the
            protected data, the questions, and an empty folder; ``{seed}`` may stand for a number.
    """

    folder: Path
    trainer: str

    def __post_init__(self) -> None:
        unknown = set(re.findall(r"\{\w*\}", self.trainer)) - {*_PLACES, "{seed}"}
        missing = [place for place in _PLACES if place not in self.trainer]
        if missing:
            raise UserError(f"the trainer's command has no {missing[0]}: {self.trainer}")
        if unknown:
            raise UserError(f"the trainer's command has {min(unknown)}, which stands for nothing")

    def prepare(self, data: Path, options: TaskOptions, doses: Doses, **columns: Any) -> Record:
        """Protect the data in doses and write the questions, unless that is done.

        Args:
            data: a part of the customer's.
            options: of the extra task.
            doses: of its samples.
            columns: ``label``, ``kind`` and ``features`` as protect takes them.

        Raises:
            UserError: as :func:`jaxverify.protect.protect` does, or if the folder holds a
                rehearsal of other data, by another command, or with other options.
        """
        setting = {
            "data": fingerprint(data),
            "trainer": self.trainer,
            "options": asdict(options),
            "doses": list(doses.levels),
            "columns": {name: value for name, value in columns.items() if value},
        }
        claim(self.folder, setting)
        if not self._record.exists():
            protect(
                data, self._data(data), self._record, options, doses=doses, force=True, **columns
            )
        record = load(self._record)
        if not self._questions(record).exists():
            write_questions(questions(record), record.rendering, self._questions(record))
        return record

    def train(self, data: Path, record: Record, seed: int) -> None:
        """Run the trainer for a seed, unless it has been run.

        Raises:
            UserError: if it fails, or leaves no qualities.
        """
        out, done = self.folder / f"seed{seed}", self.folder / f"seed{seed}.done"
        if done.exists():
            return
        shutil.rmtree(out, ignore_errors=True)  # what a stopped one has left
        out.mkdir()
        places = {"{data}": self._data(data), "{questions}": self._questions(record), "{out}": out}
        words = shlex.split(self.trainer.replace("{seed}", str(seed)))
        for place, path in places.items():
            words = [word.replace(place, str(path.absolute())) for word in words]
        try:
            with stopped_by_sigterm():
                status = subprocess.run(words, check=False).returncode
        except OSError as error:
            raise UserError(f"{words[0]} cannot be started: {error.strerror}") from error
        if status != 0:
            raise UserError(f"the trainer ended with status {status}; its files are in {out}")
        self.read(record, seed)  # raises before it counts as done
        done.touch()

    def read(self, record: Record, seed: int, labels_are: How | None = None) -> list[Checkpoint]:
        """What the trainer left for a seed.

        Raises:
            DataError: if ``quality.json`` is missing or no object of numbers, or a checkpoint in
                it has no answers, or not to all questions.
        """
        out = self.folder / f"seed{seed}"
        qualities = _qualities(out / QUALITY)
        best, last = max(qualities.values()), list(qualities)[-1]
        checkpoints = []
        for name, quality in qualities.items():
            files = list(out.glob(f"{name}.*"))
            if len(files) != 1:
                raise DataError(
                    f"{out} has {len(files)} files of answers called {name}.*: leave one"
                )
            right = right_answers(files[0], record, labels_are)
            checkpoints.append(Checkpoint(seed, name, quality, quality / best, name == last, right))
        return checkpoints

    @property
    def _record(self) -> Path:
        return self.folder / "record.json"

    def _data(self, data: Path) -> Path:
        return self.folder / f"data{data.suffix if data.is_file() else ''}"

    def _questions(self, record: Record) -> Path:
        return self.folder / ("questions" if record.task.kind == "image" else "questions.csv")


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: it takes the program with it that it waits for."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def right_answers(
    path: Path, record: Record, labels_are: How | None = None
) -> Bool[np.ndarray, " n"]:
    """Whether a model answers each extra sample rightly.

    Args:
        path: of its answers, in a form that verify reads.
        record: of the extra task.
        labels_are: as verify takes it.

    Raises:
        DataError: if the file does not answer every question.
        UserError: if the answers cannot be read.
    """
    ids, labels = sample_ids(record), np.asarray(record.samples().labels)
    answers = read_answers(path)
    said = {name: answers[name] for name in ids if name in answers}
    if len(said) < len(ids):
        raise DataError(f"{path} answers {len(said)} of the {len(ids)} questions: give all")
    return in_order(read_all(said, Classes(record.class_names, labels_are)), ids) == labels


def _qualities(path: Path) -> dict[str, float]:
    value = read_json(path, missing=f"the trainer left no {path}")
    if not isinstance(value, dict) or not value or not all(map(_is_quality, value.values())):
        raise DataError(f"{path} is no object of a number for each checkpoint")
    if max(value.values()) == 0 or not all(name.isidentifier() or name.isalnum() for name in value):
        raise DataError(f"{path}: a quality above 0 and names of letters and digits are wanted")
    return {name: float(quality) for name, quality in value.items()}


def _is_quality(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value)) and value >= 0
