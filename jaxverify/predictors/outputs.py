"""From a model's output arrays to its answer to each question."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxverify.errors import UserError
from jaxverify.predictors.answers import Classes
from jaxverify.predictors.fields import first_step
from jaxverify.predictors.model import shown


def rows_of(outputs: Mapping[str, Any], classes: Classes, asked: int | None = None) -> list[Any]:
    """What is said to each question, as JSON has it, by the output that is the answer.

    Labels go before scores, as scikit-learn's models give both: texts or whole numbers, [n] or
    [n, 1]; then scores by class, a list of objects; then decimals of shape [n, classes]; then whole
    numbers as decimals, [n] or [n, 1]. Where it is said that the model gives one score, decimals,
    [n] or [n, 1].

    Args:
        outputs: by their names.
        classes: how many there are, and which output was named; of ``a.b`` it is the output a.
        asked: how many questions the model was asked, where its answers must be as many.

    Raises:
        UserError: if no output can be the answer, if two can, if none has the given name, or if
            the answers are not as many as the questions.
    """
    if classes.output is not None:
        step = first_step(classes.output, outputs)
        if step is None:
            raise UserError(f"the model gives {_kinds(outputs)}: no output {classes.output!r}")
        outputs = {step[0]: outputs[step[0]]}
    one_score = classes.one_score is not None
    kinds = (_is_labels, _is_objects, _is_scores, _is_whole)
    for fits in (_is_one_score,) if one_score else kinds:
        candidates = [name for name, output in outputs.items() if fits(output, classes)]
        if len(candidates) > 1:
            raise UserError(
                f"the model gives {_kinds(outputs)}: {_names(candidates)} may each be the "
                "answer: name it with --output"
            )
        if candidates:
            chosen = candidates[0]
            beside = [
                name
                for name, output in outputs.items()
                if name != chosen and (_is_scores(output, classes) or _is_column(output))
            ]
            _check_number(outputs, [chosen] if one_score else [chosen, *beside], asked)
            rows = _rows(outputs[chosen])
            if beside and not one_score:  # which is the answer, all answers together tell
                columns = [_rows(outputs[name]) for name in beside]
                every = zip(rows, *columns, strict=True)
                return [dict(zip((chosen, *beside), each, strict=True)) for each in every]
            # Where an output holds objects, its name is the first step of the path to the answer.
            return rows if classes.output is None else [{chosen: row} for row in rows]
    if one_score:
        raise UserError(f"the model gives {_kinds(outputs)}: not one score for each question")
    hint = " (--one-score reads one score)" if len(classes.names) == 2 else ""
    raise UserError(
        f"the model gives {_kinds(outputs)}: neither scores of {len(classes.names)} classes nor "
        f"one label for each question{hint}"
    )


def _check_number(outputs: Mapping[str, Any], names: Sequence[str], asked: int | None) -> None:
    wanted = len(outputs[names[0]]) if asked is None else asked
    for name in names:
        number = len(outputs[name])
        if number != wanted:
            hint = "" if len(names) == 1 else f" ({shown(name)}): name the answer with --output"
            raise UserError(
                f"the model gave {_many(number, 'answer')} for {_many(wanted, 'question')}{hint}"
            )


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _rows(output: Any) -> list[Any]:
    if isinstance(output, list):
        return [{str(key): float(score) for key, score in row.items()} for row in output]
    if output.ndim == 2 and output.shape[1] == 1:
        output = output[:, 0]
    if output.dtype.kind == "b":
        output = output.astype(int)
    return [_plain(row) for row in output.tolist()]


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _is_labels(output: Any, classes: Classes) -> bool:
    return isinstance(output, np.ndarray) and output.dtype.kind in "OUbiu" and _is_column(output)


def _is_objects(output: Any, classes: Classes) -> bool:
    return isinstance(output, list) and bool(output) and all(isinstance(r, dict) for r in output)


def _is_scores(output: Any, classes: Classes) -> bool:
    if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
        return False
    return output.ndim == 2 and output.shape[1] == len(classes.names)


def _is_whole(output: Any, classes: Classes) -> bool:
    """Labels as decimals, such as 2.0."""
    if not isinstance(output, np.ndarray) or output.dtype.kind != "f" or not _is_column(output):
        return False
    return bool(np.array_equal(output, np.round(output), equal_nan=True))


def _is_one_score(output: Any, classes: Classes) -> bool:
    return isinstance(output, np.ndarray) and output.dtype.kind in "fiub" and _is_column(output)


def _is_column(output: np.ndarray) -> bool:
    return output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)


def _names(names: Sequence[str]) -> str:
    return " and ".join(map(shown, names[:8])) + (" and others" if len(names) > 8 else "")


def _kinds(outputs: Mapping[str, Any]) -> str:
    found = [f"{shown(name)}: {_kind(output)}" for name, output in list(outputs.items())[:8]]
    return "; ".join(found) + ("; ..." if len(outputs) > 8 else "")


def _kind(output: Any) -> str:
    if isinstance(output, np.ndarray):
        return f"{output.dtype} {list(output.shape)}"
    return f"a {type(output).__name__}"
