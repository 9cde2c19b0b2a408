"""What loading yields: a data set as arrays, with the names of its classes and words."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Integer, UInt8

from jaxverify.task.samples import Samples

# Images, the columns of a table, or texts.
Features = UInt8[np.ndarray, "n h w c"] | Float32[np.ndarray, "n d"] | list[str]


class Raw(NamedTuple):
    """What a source holds before texts become token ids.

    Attributes:
        train_features, test_features: images uint8 ``[n, height, width, channels]``, columns
            float32 ``[n, d]``, or the texts.
        train_labels, test_labels: ``[n]``, each in ``[0, len(class_names))``.
        class_names: one for each label, in the order of the labels.
    """

    train_features: Features
    train_labels: Integer[np.ndarray, " n"]
    test_features: Features
    test_labels: Integer[np.ndarray, " n"]
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test set in memory.

    Attributes:
        name: "cifar10", or the name of the folder.
        train: the training set; images uint8 ``[n, height, width, channels]``, columns float32
            ``[n, d]`` or token ids int32 ``[n, max_length]``, and labels int32 ``[n]``.
        test: the test set, of the same form.
        class_names: the name of each class, in the order of the labels.
        vocabulary: of text alone: the word of each token id; ids 0 and 1 are "<pad>" and "<unk>".
    """

    name: str
    train: Samples
    test: Samples
    class_names: tuple[str, ...]
    vocabulary: tuple[str, ...] | None = None

    @property
    def kind(self) -> Literal["image", "text", "vector"]:
        """The kind of the features."""
        if self.vocabulary is not None:
            return "text"
        return "image" if self.train.features.ndim == 4 else "vector"

    @property
    def num_classes(self) -> int:
        """The number of classes, C."""
        return len(self.class_names)

    @property
    def vocab_size(self) -> int | None:
        """The number of token ids, the two reserved ones counted; None where there is no text."""
        return None if self.vocabulary is None else len(self.vocabulary)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the four arrays and the vocabulary.

        Guarantee: any change of a value, a shape, a dtype or a word gives another fingerprint.
        """
        digest = hashlib.sha256()
        for array in (*self.train, *self.test):
            array = np.ascontiguousarray(array)
            digest.update(json.dumps([array.dtype.str, array.shape]).encode())
            digest.update(array.data)
        digest.update(json.dumps(self.vocabulary).encode())
        return digest.hexdigest()
