"""A prepared TFDS set, wherever it comes from: its training samples one by one, and back."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.proto import tf_example_pb2

from jaxverify.errors import DataError

INFO = "dataset_info.json"
_SPLIT = "train"
_LISTS = {"image": "bytes_list", "text": "bytes_list", "int": "int64_list", "float": "float_list"}

# The module makes its classes at run time.
_Example: Any = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]

Value = bytes | str | int | float


class TfdsFolder:
    """A folder with ``dataset_info.json``, ``features.json`` and files of ArrayRecord.

    Attributes:
        path: of the folder: the one called after the version.
        kinds: of each feature, "image", "text", "int" or "float".
        shards: the files of the split "train", and how many samples each has.
    """

    def __init__(self, path: Path) -> None:
        """Look at what is prepared.

        Raises:
            DataError: if it is damaged, of a format that only TensorFlow reads, has no split
                "train", or a feature is not a single value.
        """
        self.path = path
        try:
            builder: Any = tfds.builder_from_directory(str(path))
            info = builder.info
            form = info.file_format.value
            specs = info.features.get_serialized_info()
            split = info.splits.get(_SPLIT)
            shards = (
                {}
                if split is None
                else dict(zip(split.filenames, split.shard_lengths, strict=True))
            )
        except Exception as error:  # by damage TFDS raises many
            raise DataError(f"{path} is damaged ({_line(error)}): prepare it anew") from error
        if form != "array_record":
            raise DataError(
                f"{path} is stored as {form}, which only TensorFlow writes: convert it with "
                f"'tfds convert_format --dataset_version_dir {path} --out_dir NEW_FOLDER "
                "--out_file_format array_record', or prepare it with "
                'download_and_prepare(file_format="array_record")'
            )
        if not shards:
            raise DataError(f"{path} has no split called {_SPLIT}: name so what is trained on")
        self.kinds = {name: self._kind(name, info, specs) for name in specs}
        self.shards: dict[str, int] = shards
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        self._source: Any = builder.as_data_source(_SPLIT, deserialize_method=raw)

    def _kind(self, name: str, info: Any, specs: Any) -> str:
        feature, spec = info.features[name], specs[name]
        if isinstance(feature, tfds.features.Image):
            return "image"
        if isinstance(spec, Mapping) or spec.shape != ():
            raise DataError(
                f"{self.path}: feature {name} is not one value a sample: leave it out, as no extra "
                "sample can have the like"
            )
        return {"i": "int", "u": "int", "b": "int", "f": "float"}.get(
            np.dtype(spec.np_dtype).kind, "text"
        )

    def records(self, size: int) -> Iterator[list[bytes]]:
        """The serialized samples of "train" in order, ``size`` at a time and the rest.

        Guarantee: the fields of each are in one order, so that it tells nothing of a sample.
        """
        count = len(self._source)
        for start in range(0, count, size):
            try:
                found = self._source.__getitems__(range(start, min(start + size, count)))
                records = [self.replaced(record, {}) for record in found]
            except Exception as error:
                raise DataError(
                    f"{self.path} is damaged ({_line(error)}): prepare it anew"
                ) from error
            yield records

    def values(self, record: bytes) -> dict[str, Value]:
        """The features of a sample.

        Raises:
            DataError: if it is damaged or its text is not UTF-8.
        """
        try:
            fields = _Example.FromString(record).features.feature
            found = {
                name: getattr(fields[name], _LISTS[kind]).value[0]
                for name, kind in self.kinds.items()
            }
            return {
                name: value.decode() if self.kinds[name] == "text" else value
                for name, value in found.items()
            }
        except Exception as error:  # of the protocol buffers' own kinds
            raise DataError(f"{self.path}: a sample is damaged ({_line(error)})") from error

    def replaced(self, record: bytes, values: Mapping[str, Value]) -> bytes:
        """The sample with other values of some features."""
        example = _Example.FromString(record)
        for name, value in values.items():
            found = getattr(example.features.feature[name], _LISTS[self.kinds[name]]).value
            found[0] = value.encode() if isinstance(value, str) else value
        return example.SerializeToString(deterministic=True)

    def info(self, num_bytes: int, sizes: Sequence[int]) -> bytes:
        """``dataset_info.json`` with other numbers of "train": bytes, and samples of each file."""
        content = json.loads((self.path / INFO).read_text(encoding="utf-8"))
        for split in content["splits"]:
            if split["name"] == _SPLIT:
                split["numBytes"] = str(num_bytes)
                split["shardLengths"] = [str(size) for size in sizes]
        return json.dumps(content, indent=2).encode()


@contextmanager
def record_writer(path: Path) -> Iterator[Callable[[Iterable[bytes]], None]]:
    """Write records to a file of ArrayRecord, in the form that TFDS gives it."""
    writer = ArrayRecordWriter(str(path), "group_size:1")

    def write(records: Iterable[bytes]) -> None:
        for record in records:
            writer.write(record)

    try:
        yield write
    finally:
        writer.close()


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
