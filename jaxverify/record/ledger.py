"""Attempts at verification with one record: each that is not planned for weakens the next."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from jaxverify.errors import DataError, UserError
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
    """

    shard: str
    answers: str
    alpha: float
    outcome: str
    model: str
    time: str
    misread: bool = False


def ledger_path(record: Path) -> Path:
    """Where the attempts with a record are kept: beside it."""
    return record.with_name(f"{record.name}.ledger")


def read(path: Path) -> list[Attempt]:
    """The attempts so far, the first one first; what a crash left of a last line is no attempt.

    Raises:
        DataError: if the file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read") from error
    try:
        attempts = [Attempt(**json.loads(line)) for line in text.split("\n")[:-1]]
        for attempt in attempts:
            _shard(attempt)
        return attempts
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged: no verification may be forgotten, mend it") from error


def add(path: Path, attempt: Attempt) -> None:
    """Write down an attempt, in a file that its owner alone can read.

    Raises:
        UserError: if it cannot be written.

    Guarantee: attempts that were written down stay; this one is on disk when the call returns.
    """
    try:
        whole = path.read_bytes() if path.exists() else b""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.seek(whole.rfind(b"\n") + 1)  # over what a crash left of a last line
            file.truncate()
            file.write(json.dumps(asdict(attempt)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}), so that nobody would know of this "
            "attempt: make the folder writable"
        ) from error


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


def caution(attempts: Sequence[Attempt], attempt: Attempt) -> tuple[str, ...]:
    """What an attempt that was not planned for means, in a sentence; none for the first.

    Args:
        attempts: before this one.
        attempt: the one to be judged.
    """
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
