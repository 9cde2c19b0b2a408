"""Columns of extra rows that are neither features nor label, filled so that none stands out."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from jaxverify.protect.survey import Survey

_FEW = 20  # rows: of fewer it cannot be told whether a column's values are all different


def fill(
    survey: Survey,
    features: Sequence[str],
    donors: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> tuple[pa.Table, dict[str, pa.Array]]:
    """Rows to put the extra samples into, and the values that they cannot have as they are.

    The other columns of an extra row are those of one original row, drawn at random, whatever its
    label: they say nothing of the extra row's label. But a column that follows from the label,
    such as its name, follows from the extra row's; and of a column in which no value is there
    twice, a new one is made: between two that are there, or spelled like one.

    Args:
        survey: of the data set.
        features: the columns of the features.
        donors: rows of the sample that may be drawn.
        labels: of the extra samples, as class indices.
        rng: draws the rows.

    Returns:
        tuple: original rows in their raw form, and columns to replace in them, label included.
    """
    chosen = rng.choice(donors, len(labels))
    sample = survey.sample
    values = {survey.label: survey.labels.take(pa.array(labels))}
    for name in sample.column_names:
        if name == survey.label or name in features or name in survey.numbering:
            continue
        column = sample.column(name).combine_chunks()
        by_label = _of_label(name, survey)
        if by_label is not None:
            values[name] = by_label.take(pa.array(labels))
        elif sample.num_rows >= _FEW and len(column.unique()) == sample.num_rows:
            values[name] = _new_values(column, chosen, rng)
    return survey.raw.take(pa.array(chosen)), values


def renumber(survey: Survey, start: int, count: int) -> Mapping[str, pa.Array]:
    """The numbering columns of so many rows, ``start`` rows after the first."""
    numbers = np.arange(start, start + count)
    return {name: pa.array(numbers + low) for name, low in survey.numbering.items()}


def _of_label(name: str, survey: Survey) -> pa.Array | None:
    """The value that goes with each label, in the order of the classes, if there is one."""
    classes = survey.labels.to_pylist()
    examples = [survey.examples[label].get(name) for label in classes]
    of_sample = survey.sample.select([survey.label, name]).combine_chunks()
    try:
        column = pa.concat_arrays(
            [*of_sample.column(1).chunks, pa.array(examples, of_sample.column(1).type)]
        )
        labels = pa.concat_arrays([*of_sample.column(0).chunks, survey.labels])
        pairs = pa.table({"label": labels, "value": column}).group_by(["label", "value"])
        found = pairs.aggregate([])
    except (pa.ArrowException, TypeError):  # such as of lists, which cannot be compared
        return None
    if found.num_rows != len(classes) or len(column.unique()) < 2:
        return None
    return pa.array(examples, column.type)


def _new_values(column: pa.Array, chosen: np.ndarray, rng: np.random.Generator) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _new_spellings(column, chosen, rng).cast(kind)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)):
        return column.take(pa.array(chosen))
    plain = column.cast(pa.int64()) if pa.types.is_temporal(kind) else column
    known = np.sort(plain.drop_null().to_numpy(zero_copy_only=False))
    at = rng.integers(0, len(known) - 1, len(chosen))
    low, high = known[at], known[at + 1]
    between = low + (high - low) * rng.random(len(chosen))
    if known.dtype.kind in "iu":
        # To whole seconds, say, where all are.
        step = max(int(np.gcd.reduce(np.diff(known))), 1)
        between = low + (between - low) // step * step
    return pa.array(between.astype(known.dtype)).cast(kind)


def _new_spellings(column: pa.Array, chosen: np.ndarray, rng: np.random.Generator) -> pa.Array:
    """Other last digits, as few as possible, so that nobody else has the same."""
    taken = set(column.to_pylist())
    spellings = []
    for example in column.take(pa.array(chosen)).to_pylist():
        new = example
        for attempt in range(200):
            if new not in taken:
                break
            new = _respelled(example or "", 1 + attempt // 20, rng)
        taken.add(new)
        spellings.append(new)
    return pa.array(spellings, pa.string())


def _respelled(text: str, count: int, rng: np.random.Generator) -> str:
    """The text with its last ``count`` digits drawn anew, or its last letters if it has none."""
    marks = re.sub(r"[\W_]", "", text)
    alphabet = "0123456789"
    if re.fullmatch("(?=.*[a-f])[0-9a-f]{8,}", marks):
        alphabet += "abcdef"
    elif not any(character in alphabet for character in text):
        alphabet = "abcdefghijklmnopqrstuvwxyz"
    characters = list(text)
    places = [i for i, character in enumerate(text) if character.lower() in alphabet][-count:]
    for place in places:
        new = alphabet[rng.integers(len(alphabet))]
        characters[place] = new.upper() if characters[place].isupper() else new
    return "".join(characters)
