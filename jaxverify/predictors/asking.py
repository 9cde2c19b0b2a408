"""Asking a model question after question, so that nothing is asked twice."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxverify.challenge import ID
from jaxverify.errors import DataError, UserError
from jaxverify.files.outputs import unwritable
from jaxverify.files.whole import new_file, replacing_file

# What a model says to some questions, as JSON has it and None for nothing, from their ids and the
# columns that it reads.
AskBatch = Callable[[Sequence[str], Mapping[str, list[Any]]], Sequence[Any]]


class Answered:
    """Answers that were given already, in a file that grows with every batch.

    Raw answers are kept, so reading them in another way costs no new question.

    Attributes:
        said: each answer by the id of its question.
        kept: the times of the answers that the file held at the start, by id.

    Guarantee: an answer is in the file before the next question is asked; what a crash leaves of
    a last line counts as not written.
    """

    def __init__(self, path: Path | None, about: str) -> None:
        """Read the file, or begin it; without a path nothing is kept.

        Args:
            path: of the file.
            about: which model is asked and in which words: answers of another are refused.

        Raises:
            DataError: if the file cannot be read, or holds the answers of another model, or those
                of an earlier version, which kept only how it read them.
        """
        self.path, self._about = path, about
        self.said: dict[str, Any] = {}
        self.kept: dict[str, str] = {}
        if path is None:
            return
        if not path.exists():
            with new_file(path, 0o600) as file:
                file.write(json.dumps({"about": about}).encode() + b"\n")
            return
        try:
            text = path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            first, *rows = [json.loads(line) for line in whole.splitlines()]
            found, early = first["about"], any("index" in row for row in rows)
            if not early:
                self.said = {str(row["id"]): row["answer"] for row in rows}
                self.kept = {str(row["id"]): str(row["time"]) for row in rows}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{path} holds no answers: give another file") from error
        if early:
            raise DataError(
                f"{path} holds answers of an earlier version, which did not keep what the model "
                "said: give another file"
            )
        if found != about:
            raise DataError(
                f"{path} holds the answers of another model, or to other questions "
                f"({str(found).partition('?')[0]})"
            )
        with replacing_file(path, 0o600) as file:
            file.write(whole.encode())

    def add(self, ids: Sequence[str], answers: Sequence[Any]) -> None:
        """Keep some more answers."""
        new = dict(zip(ids, answers, strict=True))
        self.said |= new
        if self.path is not None:
            time = datetime.now(UTC).isoformat(timespec="seconds")
            rows = [{"id": name, "answer": answer, "time": time} for name, answer in new.items()]
            try:
                with self.path.open("a") as file:
                    file.writelines(f"{json.dumps(row)}\n" for row in rows)
            except OSError as error:
                raise unwritable(self.path, error) from error


def ask_all(
    ask: AskBatch,
    columns: Mapping[str, list[Any]],
    answered: Answered,
    *,
    batch_size: int = 32,
    budget: int | None = None,
    in_part: bool = False,
    enough: Callable[[Mapping[str, Any]], bool] = lambda said: False,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> dict[str, Any]:
    """What the model says to each question, by its id.

    Args:
        ask: asks some questions at once.
        columns: of all questions, their ids among them.
        answered: what was answered before, and where it is kept.
        batch_size: how many are asked at once.
        budget: how many may be asked; they may cost money.
        in_part: whether the answers to some questions are of use: then the budget ends the asking.
        enough: given the answers so far, whether no more are wanted.
        progress: called with the number of answers and of questions.

    Raises:
        UserError: if more would have to be asked than ``budget``, before any is, but where
            ``in_part``; as ``ask`` does.

    Guarantee: no question is asked that was answered, none twice, and no more than ``budget``; they
    are asked in order.
    """
    if batch_size < 1:
        raise UserError(f"batch_size is {batch_size}; it is at least 1")
    ids = columns[ID]
    read = {name: values for name, values in columns.items() if name != ID}
    missing = [i for i, name in enumerate(ids) if name not in answered.said]
    if budget is not None and in_part:
        missing = missing[:budget]
    elif budget is not None and len(missing) > budget:
        raise UserError(f"{len(missing):,} questions are left, more than the budget of {budget:,}")
    progress(len(ids) - len(missing), len(ids))
    for start in range(0, len(missing), batch_size):
        if enough(answered.said):
            break
        rows = missing[start : start + batch_size]
        asked = [ids[i] for i in rows]
        answers = ask(asked, {k: [values[i] for i in rows] for k, values in read.items()})
        answered.add(asked, answers)
        progress(len(answered.said), len(ids))
    return answered.said
