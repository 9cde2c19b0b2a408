"""TFDS sets without TensorFlow: the official builders, with archives opened by Python.

TFDS *reads* without TensorFlow, but opens archives and encodes images with it. So each builder
here is the official one (name, version, features, address, checksum) with those steps alone
replaced; what it writes, ``tfds.data_source`` reads.
"""

import csv
import io
import tarfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Int
from PIL import Image
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxverify.data.dataset import Features, Raw
from jaxverify.data.images import decode
from jaxverify.errors import DataError

# TFDS's decorators hide its signatures from type checkers, so builders are ``Any`` below.

_DOWNLOAD_RETRIES = 2  # TFDS's own 10 take minutes to say that there is no network


def read(name: str, *, manual_dir: Path | None = None, tfds_dir: Path | None = None) -> Raw:
    """Reads a TFDS set, downloading and preparing it first if that has not been done.

    Args:
        name: "cifar10", "cifar100", "imdb_reviews" or "ag_news_subset".
        manual_dir: a folder with the archive, used instead of downloading.
        tfds_dir: where prepared sets are kept; TFDS's own default without it.

    Raises:
        DataError: if the archive cannot be had or is not the official one, or what is prepared
            is damaged or in a format that only TensorFlow reads.

    Guarantee: an archive whose SHA-256 is not the one that TFDS has on record is refused.
    """
    builder = _BUILDERS[name](data_dir=tfds_dir)
    if not builder.data_path.exists():
        _prepare(builder, manual_dir)
    # A damaged file or another format fails in TFDS or below it, with errors of any kind.
    try:
        train, test = (_read_split(builder, split) for split in ("train", "test"))
    except Exception as error:
        raise DataError(
            f"{builder.data_dir} cannot be read ({_reason(error)}): remove it or"
            " give another tfds_dir, and the set is prepared anew, as array_record"
        ) from error
    return Raw(*train, *test, tuple(builder.info.features["label"].names))


def _prepare(builder: Any, manual_dir: Path | None) -> None:
    url, archive = _archive(builder)
    if manual_dir is not None and not (manual_dir / archive.filename).is_file():
        raise DataError(f"{manual_dir} has no {archive.filename}: put there what {url} offers")
    config = tfds.download.DownloadConfig(
        manual_dir=manual_dir, force_checksums_validation=True, try_download_gcs=False
    )
    try:
        builder.download_and_prepare(download_config=config, file_format="array_record")
    except OSError as error:
        raise DataError(
            f"{builder.data_dir} cannot be written ({_reason(error)}): mend that or give another"
            " tfds_dir"
        ) from error


def _read_split(builder: Any, split: str) -> tuple[Features, Int[np.ndarray, " n"]]:
    has_images = "image" in builder.info.features
    # Our own decoder is twice as fast as TFDS's.
    decoders = {"image": tfds.decode.SkipDecoding()} if has_images else None
    source = builder.as_data_source(split, decoders=decoders)
    samples = source.__getitems__(range(len(source)))
    labels = np.array([sample["label"] for sample in samples])
    if has_images:
        return decode([sample["image"] for sample in samples], f"{builder.name} {split}"), labels
    return [_text(sample) for sample in samples], labels


def _text(sample: dict[str, Any]) -> str:
    parts = [sample[key] for key in ("text", "title", "description") if key in sample]
    return b" ".join(parts).decode()


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _archive(builder: Any) -> tuple[str, Any]:
    """The address, and the name, size and checksum on record, of the set's only archive."""
    ((url, archive),) = builder.url_infos.items()
    return url, archive


def _fetch(builder: Any, manager: Any) -> Path:
    """The path of the archive, downloaded if need be, its checksum verified by TFDS."""
    url, archive = _archive(builder)
    ways_out = (
        f"fetch {archive.filename} by other means and give its folder as manual_dir"
        " (--manual-dir), or a folder of Parquet files as data_dir (--data)"
    )
    retries, downloader.MAX_RETRIES = downloader.MAX_RETRIES, _DOWNLOAD_RETRIES
    try:
        return Path(manager.download(url))
    except NonMatchingChecksumError as error:
        raise DataError(
            f"{archive.filename} of {url} is damaged or another file (its SHA-256 should be"
            f" {archive.checksum}): {ways_out}"
        ) from error
    # requests, the disk and TFDS's reading of a host's pages each raise errors of their own kind.
    except Exception as error:
        raise DataError(f"cannot download {url} ({_reason(error)}): {ways_out}") from error
    finally:
        downloader.MAX_RETRIES = retries


def _iter_tar(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The name and the open content of each file, to be read before the next is asked for."""
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if file := archive.extractfile(member):  # None for a folder
                yield member.name, file


def _read_tar(path: Path) -> dict[str, bytes]:
    return {name: file.read() for name, file in _iter_tar(path)}


_Examples = Iterator[tuple[int, dict[str, Any]]]


# Each class below stands before the official builder of its set (see ``_builder``), whose
# attributes ``self`` has besides.


class _Cifar:
    def _split_generators(self: Any, dl_manager: Any) -> dict[str, _Examples]:
        layout = self._cifar_info
        files = _read_tar(_fetch(self, dl_manager))
        for key, file in zip(layout.label_keys, layout.label_files, strict=True):
            self.info.features[key].names = files[layout.prefix + file].decode().split()
        return {
            split: self._generate_examples(split, [files[layout.prefix + part] for part in parts])
            for split, parts in (("train", layout.train_files), ("test", layout.test_files))
        }

    def _generate_examples(self: Any, split: str, parts: list[bytes]) -> _Examples:
        """A record is a byte for each label, then the red, the green and the blue plane."""
        label_keys = self._cifar_info.label_keys
        records = np.frombuffer(b"".join(parts), np.uint8)
        for index, record in enumerate(records.reshape(-1, len(label_keys) + 3 * 32 * 32)):
            labels, planes = np.split(record, [len(label_keys)])
            example = dict(zip(label_keys, labels, strict=True))
            example["id"] = f"{split}_{index:05d}"
            example["image"] = Image.fromarray(planes.reshape(3, 32, 32).transpose(1, 2, 0))
            yield index, example


class _ImdbReviews:
    def _split_generators(self: Any, dl_manager: Any) -> dict[str, _Examples]:
        path = _fetch(self, dl_manager)
        generate = self._generate_examples  # the official one, which reads any iterator of files
        return {
            "train": generate(_iter_tar(path), "aclImdb/train"),
            "test": generate(_iter_tar(path), "aclImdb/test"),
            "unsupervised": generate(_iter_tar(path), "aclImdb/train", labeled=False),
        }


class _AgNewsSubset:
    def _split_generators(self: Any, dl_manager: Any) -> dict[str, _Examples]:
        files = _read_tar(_fetch(self, dl_manager))
        return {
            split: self._generate_examples(files[f"ag_news_csv/{split}.csv"])
            for split in ("train", "test")
        }

    def _generate_examples(self, content: bytes) -> _Examples:
        rows = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        for index, (label, title, description) in enumerate(rows):
            yield index, {"label": int(label) - 1, "title": title, "description": description}


def _builder(name: str, steps: type) -> Any:
    """The official builder of the set with ``steps`` replaced, not registered with TFDS."""
    official = tfds.builder_cls(name)
    members = {"__module__": __name__, "name": name, "url_infos": official.url_infos}
    options = {"skip_registration": True}
    return types.new_class(
        steps.__name__, (steps, official), options, lambda ns: ns.update(members)
    )


_BUILDERS = {
    "cifar10": _builder("cifar10", _Cifar),
    "cifar100": _builder("cifar100", _Cifar),
    "imdb_reviews": _builder("imdb_reviews", _ImdbReviews),
    "ag_news_subset": _builder("ag_news_subset", _AgNewsSubset),
}
