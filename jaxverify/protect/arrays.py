"""A customer's rows, original and extra ones alike, as arrays that a network at home reads."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32, UInt8
from PIL import Image

from jaxverify.data.text import RESERVED, encode
from jaxverify.errors import DataError
from jaxverify.protect.features import Features
from jaxverify.protect.survey import Survey
from jaxverify.rendering import Column, TextRendering, VectorRendering

LONGEST_SIDE = 64  # in pixels: larger images are made smaller, or two cores would take days


def feature_array(
    features: Features, columns: Mapping[str, Any]
) -> UInt8[np.ndarray, "n h w c"] | Int32[np.ndarray, "n m"] | Float32[np.ndarray, "n d"]:
    """What a network reads of some rows.

    Args:
        features: says what the columns hold.
        columns: Arrow columns by name; those of ``features`` are read.

    Returns:
        images of one size, at most 64 pixels long, grey or in colour; token ids of texts that are
        cut and padded to the length of an extra sample; or numbers from 0 to 1 in the range of
        their column, a missing one a half.

    Raises:
        DataError: if an image is damaged.
    """
    if isinstance(features.rendering, TextRendering):
        (name,) = features.columns
        texts = [text or "" for text in columns[name].to_pylist()]
        vocabulary = (*RESERVED, *features.rendering.vocabulary)
        return encode(texts, vocabulary, features.shape[0])
    if isinstance(features.rendering, VectorRendering):
        every = [_numbers(columns[each.name], each) for each in features.rendering.columns]
        return np.stack(every, axis=1)
    (name,) = features.columns
    column = columns[name]
    if isinstance(column.type, pa.FixedShapeTensorType):
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        arrays = np.concatenate([chunk.to_numpy_ndarray() for chunk in chunks])
        images = (
            Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array)
            for array in arrays
        )
        return np.stack([_pixels(image, features.shape) for image in images])
    return np.stack([_decoded(content, name, features.shape) for content in column.to_pylist()])


def label_indices(survey: Survey, labels: Any) -> Int32[np.ndarray, " n"]:
    """The class index of each row's label."""
    index = {value: i for i, value in enumerate(survey.labels.to_pylist())}
    return np.array([index[value] for value in labels.to_pylist()], np.int32)


def _decoded(content: bytes, name: str, shape: tuple[int, ...]) -> UInt8[np.ndarray, "h w c"]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return _pixels(image, shape)
    except Exception as error:  # by format and damage Pillow raises many
        raise DataError(f"an image of column {name} is damaged: write it again") from error


def _pixels(image: Image.Image, shape: tuple[int, ...]) -> UInt8[np.ndarray, "h w c"]:
    height, width, channels = shape
    factor = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    converted = image.convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(converted if converted.size == size else converted.resize(size))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _numbers(values: Any, column: Column) -> Float32[np.ndarray, " n"]:
    spelled = [float(v) if v not in (None, "") else np.nan for v in values.to_pylist()]
    numbers, width = np.array(spelled, np.float64), float(column.high) - float(column.low)
    shares = (numbers - column.low) / (width or 1.0)
    return np.where(np.isfinite(shares), shares, 0.5).astype(np.float32)
