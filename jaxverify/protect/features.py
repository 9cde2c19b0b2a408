"""What the model is to learn from: which columns, of what kind, and how extra samples look."""

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from PIL import Image

from jaxverify.data.images import decode
from jaxverify.data.text import build_vocabulary, tokenize
from jaxverify.errors import DataError
from jaxverify.protect.survey import Survey, is_image, listed
from jaxverify.rendering import Column, ImageRendering, Rendering, TextRendering, VectorRendering
from jaxverify.task.extra_task import Kind

_TEXTS = 5_000  # that the vocabulary is taken from
_LEAST_WORDS, _MOST_WORDS = 16, 512
_FLOAT = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Features:
    """What was found.

    Attributes:
        kind: "image", "text" or "vector".
        columns: that hold the features.
        shape: of a sample, as :class:`jaxverify.ExtraTask` takes it.
        rendering: how extra samples are written.
        donors: rows of the survey's sample that extra rows may take their other columns from.
    """

    kind: Kind
    columns: tuple[str, ...]
    shape: tuple[int, ...]
    rendering: Rendering
    donors: np.ndarray

    @property
    def vocab_size(self) -> int | None:
        """Of text: the number of token ids, the two reserved ones counted."""
        if not isinstance(self.rendering, TextRendering):
            return None
        return len(self.rendering.vocabulary) + 2

    def values(self, features: np.ndarray) -> dict[str, pa.Array]:
        """Extra samples as columns."""
        if isinstance(self.rendering, VectorRendering):
            found = self.rendering.render(features)
            return {name: pa.array(column) for name, column in found.items()}
        (name,) = self.columns
        return {name: pa.array(self.rendering.render(features))}


def find_features(survey: Survey, kind: Kind | None, columns: Sequence[str]) -> Features:
    """The columns named, or those that look like it.

    Args:
        survey: of the data set.
        kind: without it, images where there are any, else text, else numbers.
        columns: their names; without them, guessed.

    Raises:
        DataError: if there are none, or more than one that it could be, or they cannot be read.
    """
    others = [name for name in survey.sample.column_names if name != survey.label]
    for name in columns:
        if name not in others:
            raise DataError(f"there is no feature column {name!r}; there are {listed(others)}")
    looked_at = columns or others
    found = {
        "image": [n for n in looked_at if is_image(survey.sample.column(n).type)],
        "text": [n for n in looked_at if _is_text(survey.sample.column(n))],
        "vector": [
            n for n in looked_at if n not in survey.numbering and _numbers(survey, n) is not None
        ],
    }
    kinds: tuple[Kind, ...] = ("image", "text", "vector")
    if kind is None:
        kind = next((each for each in kinds if found[each]), None)
    if kind is None:
        raise DataError(f"none of the columns {listed(looked_at)} holds images, text or numbers")
    chosen = tuple(columns) or tuple(found[kind])
    if kind != "vector" and len(chosen) != 1:
        raise DataError(
            f"one column of {kind} is wanted, not {len(chosen)} ({listed(chosen) or 'none'}): "
            "name it with --features"
        )
    if kind == "vector" and not chosen:
        raise DataError("no column holds numbers")
    return {"image": _images, "text": _texts, "vector": _vectors}[kind](survey, chosen)


def _images(survey: Survey, columns: tuple[str, ...]) -> Features:
    (name,) = columns
    kind = survey.sample.column(name).type
    if isinstance(kind, pa.FixedShapeTensorType):  # pixels, which any encoding without loss keeps
        height, width, channels = kind.shape
        rendering = ImageRendering("PNG", "L" if channels == 1 else "RGB")
        donors = np.arange(survey.sample.num_rows)
        return Features("image", columns, (height, width, channels), rendering, donors)
    if not is_image(kind):
        raise DataError(f"column {name} is {kind}, not encoded images")
    contents = survey.sample.column(name).to_pylist()
    if None in contents:
        raise DataError(f"an image of column {name} is missing: drop the row or fill it in")
    forms = [_form(content, name) for content in contents]
    commonest, _ = Counter(forms).most_common(1)[0]
    example = forms.index(commonest)
    rendering = ImageRendering.like(contents[example], f"column {name}")
    shape = decode([contents[example]], f"column {name}").shape[1:]
    donors = np.array([i for i, form in enumerate(forms) if form == commonest])
    return Features("image", columns, shape, rendering, donors)


def _form(content: bytes, name: str) -> tuple[str, str, tuple[int, int]]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.format or "", image.mode, image.size
    except Exception as error:  # by format and damage Pillow raises many
        raise DataError(f"an image of column {name} is damaged: write it again") from error


def _texts(survey: Survey, columns: tuple[str, ...]) -> Features:
    column = survey.sample.column(columns[0])
    if not _is_string(column.type):
        raise DataError(f"column {columns[0]} is {column.type}, not text")
    texts = [text for text in column.to_pylist()[:_TEXTS] if text]
    words = [len(tokenize(text)) for text in texts]
    # As long as the texts are: a model that cuts long ones off reads as much of an extra one.
    length = int(np.clip(np.median(words) if words else 0, _LEAST_WORDS, _MOST_WORDS))
    vocabulary = build_vocabulary(texts)[2:]
    donors = np.arange(survey.sample.num_rows)
    return Features("text", columns, (length,), TextRendering(vocabulary), donors)


def _vectors(survey: Survey, columns: tuple[str, ...]) -> Features:
    found = []
    for name in columns:
        column = _numbers(survey, name)
        if column is None:
            raise DataError(f"column {name} does not hold numbers")
        found.append(column)
    donors = np.arange(survey.sample.num_rows)
    return Features("vector", columns, (len(columns),), VectorRendering(tuple(found)), donors)


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_text(column: pa.ChunkedArray) -> bool:
    """Whether its values have several words as a rule."""
    if not _is_string(column.type):
        return False
    some = [text for text in column.slice(0, 200).to_pylist() if text]
    return bool(some) and float(np.median([len(text.split()) for text in some])) >= 3


def _numbers(survey: Survey, name: str) -> Column | None:
    """The column's range, type and decimals; None where it does not hold numbers."""
    column = survey.sample.column(name).drop_null()
    kind = column.type
    decimals = None
    if _is_string(kind):
        spelled = [value for value in column.to_pylist() if value]
        if not spelled or not all(_FLOAT.fullmatch(value) for value in spelled):
            return None
        whole = all(value.lstrip("+-").isdigit() for value in spelled)
        whole = whole and all(abs(int(value)) < 2**63 for value in spelled if len(value) > 18)
        if not whole and not any("e" in value.lower() for value in spelled):
            decimals = max(len(value.partition(".")[2]) for value in spelled)
        values = np.array(spelled, np.float64)
        dtype = "int64" if whole else "float64"
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values = column.to_numpy()
        values = values[np.isfinite(values)]
        dtype = values.dtype.name
        if pa.types.is_floating(kind):
            decimals = next((d for d in range(7) if _has_decimals(values, d)), None)
    else:
        return None
    if not len(values):
        return None
    number = int if np.dtype(dtype).kind in "iu" else float
    return Column(name, dtype, number(values.min()), number(values.max()), decimals)


def _has_decimals(values: np.ndarray, decimals: int) -> bool:
    """Whether they are spelled with no more than so many."""
    rounded = np.round(values.astype(np.float64), decimals).astype(values.dtype)
    return bool(np.array_equal(rounded, values))
