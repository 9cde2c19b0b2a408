"""Training at home by the customer's own program, to see when the extra samples are known."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from jaxverify.challenge import questions, sample_ids, write_questions
from jaxverify.errors import DataError, UserError
from jaxverify.files.whole import write_whole
from jaxverify.predictors.answers import Classes, How, in_order
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.reading import read_all
from jaxverify.protect import protect
from jaxverify.record.record import Record, load
from jaxverify.task.doses import Doses
from jaxverify.task.options import TaskOptions

QUALITY = "quality.json"
SETTING = "rehearsal.json"
_PLACES = ("{data}", "{questions}", "{out}")


@dataclass(frozen=True)
class Checkpoint:
    """A model at some point of its training.

    Attributes:
        seed: of the training.
        name: of the checkpoint.
        quality: of the model, as the trainer measures it: the larger, the better.
        share: its quality over the best of the same training.
        is_last: whether it is the end of the training.
        right: whether it answers each extra sample rightly.
    """

    seed: int
    name: str
    quality: float
    share: float
    is_last: bool
    right: Bool[np.ndarray, " n"]


@dataclass(frozen=True)
class Rehearsal:
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
        self.folder.mkdir(parents=True, exist_ok=True)
        setting = {
            "data": _fingerprint(data),
            "trainer": self.trainer,
            "options": asdict(options),
            "doses": list(doses.levels),
            "columns": {name: value for name, value in columns.items() if value},
        }
        setting, place = json.loads(json.dumps(setting)), self.folder / SETTING
        if place.exists():
            kept = json.loads(place.read_bytes())
            for name in setting:
                if setting[name] != kept.get(name):
                    raise UserError(
                        f"{self.folder} holds a rehearsal of other {name}: give another folder "
                        "with --work, or remove it"
                    )
        else:
            write_whole(place, (json.dumps(setting, indent=1) + "\n").encode())
        if not self._record.exists():
            protect(data, self._data(data), self._record, options, doses=doses, **columns)
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


def split(
    checkpoints: list[Checkpoint], wanted: float
) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The models at the end of training, and those that were not good enough before.

    Args:
        checkpoints: of all seeds.
        wanted: the share of the best quality from which on a model may pass.

    Raises:
        UserError: if no checkpoint is below it, or the last one of a training is.
    """
    finished = [each for each in checkpoints if each.is_last]
    for each in finished:
        if each.share < wanted:
            raise UserError(
                f"the last checkpoint of seed {each.seed} is at {each.share:.0%} of its best "
                f"quality, below {wanted:.0%}: the last one must be a model that you would accept"
            )
    cut = [each for each in checkpoints if each.share < wanted]
    if not cut:
        raise UserError(
            f"no checkpoint is below {wanted:.0%} of the best quality: let the trainer leave "
            "earlier ones"
        )
    return finished, cut


def known_by_quality(
    checkpoints: list[Checkpoint], doses: Any, qualities: tuple[float, ...]
) -> dict[int, list[float | None]]:
    """For each dose the mean share of right answers at the first checkpoint that is so good."""
    shares: dict[int, list[float | None]] = {}
    for dose in np.unique(doses):
        row: list[float | None] = []
        for quality in qualities:
            reached = [
                next((c for c in checkpoints if c.seed == seed and c.share >= quality), None)
                for seed in sorted({each.seed for each in checkpoints})
            ]
            known = [each.right[doses == dose].mean() for each in reached if each is not None]
            row.append(float(np.mean(known)) if known else None)
        shares[int(dose)] = row
    return shares


def _qualities(path: Path) -> dict[str, float]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"the trainer left no {path}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON") from error
    if not isinstance(value, dict) or not value or not all(map(_is_quality, value.values())):
        raise DataError(f"{path} is no object of a number for each checkpoint")
    if max(value.values()) == 0 or not all(name.isidentifier() or name.isalnum() for name in value):
        raise DataError(f"{path}: a quality above 0 and names of letters and digits are wanted")
    return {name: float(quality) for name, quality in value.items()}


def _is_quality(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value)) and value >= 0


def _fingerprint(data: Path) -> str:
    """SHA-256 of a file, or of the names and sizes of a folder's files."""
    if not data.is_dir():
        try:
            with data.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{data} cannot be read: {error.strerror}") from error
    files = sorted(path for path in data.rglob("*") if path.is_file())
    listing = [f"{path.relative_to(data)} {path.stat().st_size}" for path in files]
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()
