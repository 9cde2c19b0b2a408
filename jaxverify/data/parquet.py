"""Any folder with ``train.parquet`` and ``test.parquet``: labelled images or texts."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Integer, Shaped, UInt8

from jaxverify.data.dataset import Features, Raw
from jaxverify.data.decoded import decode_once
from jaxverify.data.images import decode
from jaxverify.errors import DataError
from jaxverify.task.samples import Samples

_Labels = Integer[np.ndarray, " n"]


def read(folder: Path, name: str) -> Raw:
    """Reads a folder of two Parquet files, each with ``image`` or ``text``, and ``label``.

    Images are encoded bytes or Hugging Face's struct of ``bytes`` and ``path``, all of one size.
    Labels are integers; class names are the list under ``name`` in ``labels.json``, in the folder
    or beside it. Without them the classes are the labels of the training set, which then must be
    0 .. C-1 without a gap. Images of a large file are kept as
    :func:`~jaxverify.data.decoded.decode_once` says.

    Raises:
        DataError: one line with the file, the row (counted from 0) and what to do.

    Guarantee: rows keep their order, and none is dropped.
    """
    paths = folder / "train.parquet", folder / "test.parquet"
    (train, train_labels), (test, test_labels) = (_read_file(path) for path in paths)
    if _form(train) != _form(test):
        raise DataError(
            f"{paths[1]} holds {_form(test)}, {paths[0]} {_form(train)}: make them alike"
        )
    class_names = _class_names(folder, name) or _classes_seen(paths[0], train_labels)
    for path, labels in zip(paths, (train_labels, test_labels), strict=True):
        _check_range(path, labels, len(class_names))
    return Raw(train, train_labels, test, test_labels, class_names)


def iter_samples(path: Path, size: int = 4096) -> Iterator[Samples]:
    """Reads a Parquet file of images or of numbers, at most ``size`` samples in memory at once.

    Args:
        path: of a file with ``label`` and with ``image``, as :func:`read` takes it, or
            ``features``: lists of one length that hold vectors or token ids.
        size: of a batch; the end of a row group may cut one short.

    Returns:
        Iterator: of samples with labels int32.

    Raises:
        DataError: one line with the file and what to do.

    Guarantee: rows keep their order, and none is dropped.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: give a Parquet file")
    start = 0
    try:
        # Neither option reads ahead: a row group may be larger than the memory.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=2**16) as file:
            column = _feature_column(path, file.schema_arrow.names, ("image", "features"))
            for batch in file.iter_batches(size, columns=[column, "label"]):
                table = pa.Table.from_batches([batch])
                place = f"{path}, rows from {start}"
                labels = _labels(place, table.column("label")).astype(np.int32)
                values = table.column(column)
                if column == "image":
                    yield Samples(decode(_encoded_images(path, values), place), labels)
                else:
                    yield Samples(_numbers(place, batch.column(column)), labels)
                start += len(labels)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged ({reason}): fetch or write it again") from error


def _numbers(place: str, column: pa.Array) -> Shaped[np.ndarray, "n m"]:
    """The lists as one array, without a copy where the file has lists of fixed size."""
    if not pa.types.is_fixed_size_list(column.type):
        raise DataError(f"{place}: column features is {column.type}: store lists of fixed size")
    values = column.flatten()
    if column.null_count or values.null_count:
        raise DataError(f"{place}: column features has nulls: drop the rows or fill them in")
    return values.to_numpy().reshape(len(column), -1)


def _read_file(path: Path) -> tuple[Features, _Labels]:
    """Its features and labels, valid Arrow throughout."""
    if not path.is_file():
        raise DataError(f"{path} is missing: the folder must hold train.parquet and test.parquet")
    try:
        content = path.read_bytes()  # once: whoever writes the file now changes nothing below
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            column = _feature_column(path, file.schema_arrow.names, ("image", "text"))
            if not file.metadata.num_rows:
                raise DataError(f"{path} has no rows: write at least one sample to it")
            labels = _labels(path, _column(file, "label"))  # before the images, which take longer
            if column == "text":
                return _texts(path, _column(file, "text")), labels

            def decode_all() -> UInt8[np.ndarray, "n h w c"]:
                return decode(_encoded_images(path, _column(file, "image")), path)

            return decode_once(path, content, decode_all), labels
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged ({reason}): fetch or write it again") from error


def _column(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    table = file.read([name])
    table.validate(full=True)  # UTF-8 included
    return table.column(name)


def _feature_column(path: Path, found: list[str], names: tuple[str, str]) -> str:
    features = [column for column in found if column in names]
    if len(features) != 1 or found.count("label") != 1:
        raise DataError(
            f"{path} has the columns {', '.join(found)}: it needs {' or '.join(names)} (one of"
            " the two), and label"
        )
    return features[0]


def _texts(path: Path, column: pa.ChunkedArray) -> list[str]:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise DataError(f"{path}: column text is {column.type}: store it as strings")
    if column.null_count:
        raise DataError(f"{path}, row {_first_null(column)}: the text is null: fill it in")
    return column.to_pylist()


def _encoded_images(path: Path, column: pa.ChunkedArray) -> list[bytes | None]:
    kind = column.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:  # as Hugging Face stores it
        column = column.flatten()[kind.get_field_index("bytes")]
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        raise DataError(f"{path}: column image is {kind}: store the bytes of PNG or JPEG files")
    return column.to_pylist()


def _labels(path: Path | str, column: pa.ChunkedArray) -> _Labels:
    if not pa.types.is_integer(column.type):
        raise DataError(f"{path}: column label is {column.type}: store integers from 0")
    if column.null_count:
        raise DataError(f"{path}, row {_first_null(column)}: the label is null: fill it in")
    return column.to_numpy()


def _first_null(column: pa.ChunkedArray) -> int:
    return pc.index(column.is_null(), True).as_py()


def _form(features: Features) -> str:
    if isinstance(features, list):
        return "texts"
    return f"images of {'x'.join(str(size) for size in features.shape[1:])}"


def _class_names(folder: Path, name: str) -> tuple[str, ...] | None:
    """The list under ``name`` in labels.json, in the folder or beside it, if there is one."""
    for path in (folder / "labels.json", folder.parent / "labels.json"):
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is not JSON ({error}): mend or remove it") from error
        names = content.get(name) if isinstance(content, dict) else ()
        if names is None:
            continue
        if not (isinstance(names, list) and names and all(isinstance(n, str) for n in names)):
            raise DataError(f'{path} must hold {{"{name}": ["first class", "second class", ...]}}')
        return tuple(names)
    return None


def _classes_seen(path: Path, labels: _Labels) -> tuple[str, ...]:
    _check_range(path, labels, len(labels))  # so that the range below is no larger than the file
    missing = np.setdiff1d(np.arange(labels.max() + 1), labels)
    if missing.size:
        raise DataError(
            f"{path} has labels up to {labels.max()} but none is {missing[0]}: number the classes"
            " from 0 without a gap, or name them all in labels.json"
        )
    return tuple(str(label) for label in range(labels.max() + 1))


def _check_range(path: Path, labels: _Labels, num_classes: int) -> None:
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        row = outside[0]
        raise DataError(
            f"{path}, row {row}: the label is {labels[row]}, outside 0 .. {num_classes - 1}: mend"
            " it, or name all classes in labels.json"
        )
