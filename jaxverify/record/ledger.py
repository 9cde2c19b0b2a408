"""Attempts at verification with one record: each that is not planned for weakens the next."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxverify.errors import DataError, UserError
from jaxverify.files.locks import lock
from jaxverify.files.standard import STANDARD
from jaxverify.record.shard import Shard


@dataclass(frozen=True)
class Attempt:
    """One verification.

    Attributes:
        shard: the part of the extra task that was asked, "1/1" for all of it.
        answers: SHA-256 of the answers and of how they were judged: the same is the same attempt.
        alpha: that was spent on it.
        outcome: "PASS", "FAIL" or "INCONCLUSIVE".
        model: what was asked.
        time: when, in UTC.
        misread: whether the classes were likely misread, so that the answers may be read anew.
        commitment: to the record; empty in what earlier versions wrote.
    """

    shard: str
    answers: str
    alpha: float
    outcome: str
    model: str
    time: str
    misread: bool = False
    commitment: str = ""


class Places(NamedTuple):
    """Where the attempts with a record are kept.

    Attributes:
        commitment: to the record.
        files: each holds all attempts; one follows the commitment, so that a copy of the record has
            the same attempts, and one lies beside the record, so that it goes where that goes.
    """

    commitment: str
    files: tuple[Path, ...]

    @classmethod
    def of(cls, record: Path, commitment: str) -> "Places":
        """The places of the record in a file; of a symbolic link those of what it points to."""
        home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        files = (Path(home) / "jaxverify" / f"{commitment}.ledger",)
        if record != STANDARD:
            files += (ledger_path(Path(os.path.realpath(record))),)
        return cls(commitment, files)


def ledger_path(record: Path) -> Path:
    """The ledger beside a record."""
    return record.with_name(f"{record.name}.ledger")


def read(places: Places) -> list[Attempt]:
    """The attempts so far, the first one first; what a crash left of a last line is no attempt.

    Raises:
        DataError: if a file is damaged.
    """
    attempts: list[Attempt] = []
    for path in places.files:
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        attempts += _parsed(path, content, places.commitment)
    return sorted(dict.fromkeys(attempts), key=lambda each: each.time)


def add(places: Places, attempt: Attempt) -> list[Attempt]:
    """Check an attempt against those before it, and write it down, unless it repeats one.

    Returns:
        list: those before it.

    Raises:
        UserError: if it may not be judged, or can be written nowhere.

    Guarantee: attempts that were written down stay, and this one is on disk when the call returns;
    each file that can be written then has all of them.
    Of two processes one comes after the other, and sees what that has written.
    """
    with ExitStack() as stack:
        files, refusals = [], []
        for path in places.files:
            try:
                files.append((path, stack.enter_context(_locked(path))))
            except OSError as error:
                refusals.append(f"{path} cannot be written ({error.strerror})")
        if not files:
            raise UserError(
                f"{'; '.join(refusals)}: nobody would know of this attempt. Make one writable, set "
                "XDG_STATE_HOME, or give --no-ledger"
            )
        attempts = read(places)
        check(attempts, _shard(attempt))
        check_answers(attempts, attempt)
        every = list(attempts)
        if attempt.answers not in {each.answers for each in attempts}:
            every.append(replace(attempt, commitment=places.commitment))
        for path, file in files:
            _complete(path, file, every, places.commitment)
    return attempts


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, made if there is none, for this process alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        lock(file.fileno())
        yield file


def _complete(path: Path, file: IO[bytes], attempts: Sequence[Attempt], commitment: str) -> None:
    """Write down the attempts that a file lacks, as one beside a copy of the record does."""
    try:
        content = file.read()
        there = _parsed(path, content, commitment)
        lines = [json.dumps(asdict(each)) + "\n" for each in attempts if each not in there]
        file.seek(content.rfind(b"\n") + 1)  # over what a crash left of a last line
        file.truncate()
        file.write("".join(lines).encode())
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror})") from error


def _parsed(path: Path, content: bytes, commitment: str) -> list[Attempt]:
    try:
        lines = content.decode("utf-8").split("\n")[:-1]
        attempts = [Attempt(**json.loads(line)) for line in lines]
        for attempt in attempts:
            _shard(attempt)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged: no verification may be forgotten, mend it") from error
    # A file beside the record may be of another record that had its name.
    return [each for each in attempts if each.commitment in ("", commitment)]


def fingerprint(answers: Int[np.ndarray, " n"], judged: str) -> str:
    """What tells one attempt from another: the answers, and in words how they are judged."""
    digest = hashlib.sha256(judged.encode())
    digest.update(np.asarray(answers, "<i4").tobytes())
    return digest.hexdigest()


def check(attempts: Sequence[Attempt], shard: Shard) -> None:
    """Whether a part may be asked, before it is.

    Raises:
        UserError: if attempts were planned, and not so.

    Guarantee: where this allows all attempts, the parts of a plan that were asked are different
    ones of one K, each with alpha/K, so that a model which never converges passes one of them with
    a probability of at most alpha.
    """
    for earlier in attempts:
        before = _shard(earlier)
        if before.of != shard.of and max(before.of, shard.of) > 1:
            raise UserError(
                f"shard {shard} cannot be asked: on {earlier.time} shard {before} was, and K may "
                "not change"
            )


def check_answers(attempts: Sequence[Attempt], attempt: Attempt) -> None:
    """Whether these answers may be judged.

    Raises:
        UserError: if the same part has been answered otherwise, and attempts were planned.

    Guarantee: a part whose classes were likely misread may be read anew, of which a model that
    has not converged makes use in 2 of 10,000 cases (:mod:`jaxverify.verification.misread`).
    """
    for earlier in attempts:
        if earlier.misread:
            continue
        other = earlier.shard == attempt.shard and earlier.answers != attempt.answers
        if other and _shard(earlier).of > 1:
            raise UserError(
                f"shard {attempt.shard} was answered, or judged, otherwise on {earlier.time}: take "
                "the next one"
            )


def caution(attempts: Sequence[Attempt] | None, attempt: Attempt) -> tuple[str, ...]:
    """What an attempt that was not planned for means, in a sentence; none for the first.

    Args:
        attempts: before this one, or None where none are written down.
        attempt: the one to be judged.
    """
    if attempts is None:
        return (
            "No ledger was kept (--no-ledger): that no other verification with this record came "
            "before, this verdict cannot tell.",
        )
    unplanned = [each for each in attempts if _shard(each).of == 1 and not each.misread]
    earlier = {each.answers for each in unplanned} - {attempt.answers}
    if not earlier or _shard(attempt).of > 1:
        return ()
    number = len(earlier) + 1
    return (
        f"This is verification {number} with one record: a model that has not converged passes at "
        f"least one of {number} with a probability of up to {min(1.0, number * attempt.alpha):.2g},"
        " and a cloud that has seen the questions may have learned their answers. --shard plans "
        "for several attempts.",
    )


def _shard(attempt: Attempt) -> Shard:
    number, of = attempt.shard.split("/")
    return Shard(int(number), int(of))
