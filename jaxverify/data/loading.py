"""One function for every source: embedded, TFDS, or a folder of Parquet files."""

import os
from pathlib import Path

import numpy as np

from jaxverify.data.dataset import Dataset, Raw
from jaxverify.data.text import build_vocabulary, encode
from jaxverify.errors import DataError
from jaxverify.task.samples import Samples

_TFDS_NAMES = {
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imdb": "imdb_reviews",
    "ag_news": "ag_news_subset",
}
NAMES = ("digits", "breast_cancer", *_TFDS_NAMES)

_DEFAULT_MAX_LENGTH = 256
_MAX_LENGTHS = {"ag_news": 64}

PathLike = str | os.PathLike[str]


def load(
    name: str | None = None,
    *,
    data_dir: PathLike | None = None,
    manual_dir: PathLike | None = None,
    tfds_dir: PathLike | None = None,
    max_length: int | None = None,
    vocab_size: int = 10_000,
) -> Dataset:
    """Loads a data set into memory, downloading and preparing it first where need be.

    Args:
        name: one of ``NAMES``; with ``data_dir`` any name, or None for the folder's own.
        data_dir: a folder with ``train.parquet`` and ``test.parquet``, read instead of TFDS:
            columns ``image`` (encoded bytes) or ``text``, and ``label`` (integers from 0). Class
            names come from ``labels.json`` in or beside it, a list under ``name``. Large
            files of images are decoded once and then kept in ``.decoded`` in the folder, or in
            the user's cache.
        manual_dir: of a TFDS set: a folder with the archive, used instead of downloading.
        tfds_dir: of a TFDS set: where prepared sets are kept; TFDS's own default without it.
        max_length: of text: the number of words kept, 64 for "ag_news" and 256 otherwise.
        vocab_size: of text: the largest number of token ids, the two reserved ones counted.

    Returns:
        Dataset: the training and the test set as NumPy arrays.

    Raises:
        DataError: if the name is unknown, or the data are missing, damaged or of another form.
        UserError: if ``max_length`` or ``vocab_size`` is too small.

    Guarantee: the vocabulary is that of the training texts alone.
    """
    if data_dir is not None:
        folder = Path(os.path.abspath(Path(data_dir).expanduser()))
        name = name or folder.name
        raw = _read_folder(name, folder)
    elif name == "digits":
        raw = _read_digits()
    elif name == "breast_cancer":
        raw = _read_breast_cancer()
    elif name in _TFDS_NAMES:
        raw = _read_tfds(_TFDS_NAMES[name], manual_dir, tfds_dir)
    else:
        known = ", ".join(NAMES)
        raise DataError(
            f"no data set is named {name!r}: known are {known}; any other set is read from a"
            " folder of Parquet files (data_dir, --data)"
        )
    if max_length is None:
        max_length = _MAX_LENGTHS.get(name, _DEFAULT_MAX_LENGTH)
    return _to_dataset(name, raw, max_length, vocab_size)


# The readers import what they need (SciPy, pyarrow, Pillow, TFDS) only when they are asked.


def _read_folder(name: str, folder: Path) -> Raw:
    from jaxverify.data import parquet

    return parquet.read(folder, name)


def _read_digits() -> Raw:
    from jaxverify.data import digits

    return digits.read()


def _read_breast_cancer() -> Raw:
    from jaxverify.data import breast_cancer

    return breast_cancer.read()


def _read_tfds(name: str, manual_dir: PathLike | None, tfds_dir: PathLike | None) -> Raw:
    from jaxverify.data import tfds

    def expand(path: PathLike | None) -> Path | None:
        return None if path is None else Path(path).expanduser()

    return tfds.read(name, manual_dir=expand(manual_dir), tfds_dir=expand(tfds_dir))


def _to_dataset(name: str, raw: Raw, max_length: int, vocab_size: int) -> Dataset:
    vocabulary = None
    train, test = raw.train_features, raw.test_features
    if not (isinstance(train, np.ndarray) or isinstance(test, np.ndarray)):
        vocabulary = build_vocabulary(train, vocab_size)
        train = encode(train, vocabulary, max_length)
        test = encode(test, vocabulary, max_length)
    return Dataset(
        name,
        Samples(np.asarray(train), raw.train_labels.astype(np.int32)),
        Samples(np.asarray(test), raw.test_labels.astype(np.int32)),
        raw.class_names,
        vocabulary,
    )
