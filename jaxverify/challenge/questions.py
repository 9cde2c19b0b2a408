"""The questions that a model is asked: the extra samples as the customer's files spell them."""

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxverify.errors import UserError
from jaxverify.record.record import Record
from jaxverify.record.shard import WHOLE, Shard
from jaxverify.record.shard_drawing import shard_indices
from jaxverify.task.doses import ONCE
from jaxverify.task.generation import twins

ID = "id"
_DIGITS = 16  # hexadecimal: of a million ids no two are the same, but once in 30 million cases


class Own(NamedTuple):
    """Some of the customer's own training samples, to be asked among the extra ones.

    Attributes:
        ids: of the questions.
        columns: that the model reads, as in :func:`questions`.
        labels: class indices, int32 ``[n]``.
    """

    ids: list[str]
    columns: dict[str, list[Any]]
    labels: Int[np.ndarray, " n"]


def sample_ids(record: Record) -> list[str]:
    """The id of each extra sample, in their order.

    Guarantee: they follow from the record, and without its secret from nothing.
    """
    return [_id(record, f"challenge {i}") for i in range(record.task.num_samples)]


def twin_ids(record: Record) -> list[str]:
    """The id of each held-out twin, in the order of their indices."""
    return [_id(record, f"twin {i}") for i in range(record.task.num_samples)]


def own_ids(record: Record, rows: Iterable[int]) -> list[str]:
    """The ids of own training samples, by their rows in the data set."""
    return [_id(record, f"own {row}") for row in rows]


def _id(record: Record, words: str) -> str:
    return hmac.digest(record.secret, words.encode(), "sha256").hex()[:_DIGITS]


def asked_indices(record: Record, shard: Shard = WHOLE) -> Int[np.ndarray, " m"]:
    """The extra samples that are asked, all or those of a part, in the order of their ids.

    Raises:
        UserError: if there is no such part, or the samples come in doses.

    Guarantee: the order tells nothing of them, nor does it depend on any answer.
    """
    if record.doses != ONCE and shard != WHOLE:
        raise UserError(
            "the extra samples of this record come in doses, which no part of them has evenly: "
            "leave --shard out"
        )
    labels = np.asarray(record.samples().labels)
    indices = shard_indices(record.stream("shards"), labels, shard)
    ids = np.array(sample_ids(record))
    return indices[np.argsort(ids[indices])]


def questions(
    record: Record,
    shard: Shard = WHOLE,
    *,
    with_twins: bool = False,
    own: Own | None = None,
    decoys: Mapping[str, list[Any]] | None = None,
) -> dict[str, list[Any]]:
    """A column of ids, and the columns that the model reads, in the order of the ids.

    Args:
        record: of the extra task.
        shard: of which part of it.
        with_twins: whether held-out twins of the same samples are asked among them.
        own: own training samples to be asked among them.
        decoys: other samples to be asked among them, with the same columns.

    Raises:
        UserError: if own samples or decoys have other columns.

    Guarantee: the ids, and so the order, tell nobody who lacks the record which are extra.
    """
    indices = asked_indices(record, shard)
    features = np.asarray(record.samples().features)[indices]
    every = sample_ids(record)
    ids = [every[i] for i in indices]
    if with_twins:
        held_out = np.asarray(twins(record.key, record.task).features)[indices]
        features = np.concatenate([features, held_out])
        every = twin_ids(record)
        ids += [every[i] for i in indices]
    rendered = record.rendering.render(features)
    columns = rendered if isinstance(rendered, dict) else {record.columns[0]: rendered}
    found = {name: list(values) for name, values in columns.items()}
    if own is not None:
        _append(found, own.columns)
        ids += own.ids
    if decoys is not None:
        _append(found, decoys)
        ids += [secrets.token_hex(_DIGITS // 2) for _ in range(len(next(iter(decoys.values()))))]
    order = np.argsort(np.array(ids))
    return {ID: [ids[i] for i in order]} | {
        name: [values[i] for i in order] for name, values in found.items()
    }


def _append(found: dict[str, list[Any]], others: Mapping[str, list[Any]]) -> None:
    if set(others) != set(found):
        raise UserError(
            f"real samples have the columns {', '.join(others)}, the extra samples "
            f"{', '.join(found)}"
        )
    for name, values in others.items():
        found[name] += values
