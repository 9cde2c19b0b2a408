"""Loading by name, the embedded digits, and what a data set tells of itself."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxverify.data import NAMES, Dataset, load
from jaxverify.errors import DataError
from jaxverify.task.samples import NUM_RESERVED_TOKENS, Samples


def small_text_dataset() -> Dataset:
    features = np.array([[2, 3], [3, 0]], np.int32)
    labels = np.array([0, 1], np.int32)
    vocabulary = ("<pad>", "<unk>", "a", "b")
    return Dataset(
        "small", Samples(features, labels), Samples(features, labels), ("n", "y"), vocabulary
    )


def test_digits_are_all_there_in_a_fixed_split():
    digits = load("digits")
    train, test = digits.train, digits.test
    assert (train.features.shape, test.features.shape) == ((1442, 8, 8, 1), (355, 8, 8, 1))
    assert train.features.dtype == np.uint8
    assert train.labels.dtype == np.int32
    assert (train.features.min(), train.features.max()) == (0, 255)
    everything = np.concatenate([train.features, test.features]).reshape(-1, 64)
    original = np.floor(load_digits(return_X_y=True)[0] * 255 / 16)
    assert sorted(map(tuple, everything)) == sorted(map(tuple, original))
    assert digits.fingerprint == load("digits").fingerprint


def test_every_fifth_digit_of_each_class_is_tested():
    digits = load("digits")
    for label in range(10):
        trained, tested = (
            int((part.labels == label).sum()) for part in (digits.train, digits.test)
        )
        assert tested == (trained + tested) // 5


def test_an_image_set_has_no_vocabulary():
    digits = load("digits")
    assert (digits.kind, digits.num_classes, digits.vocab_size) == ("image", 10, None)
    assert digits.class_names[3] == "3"


def test_a_text_set_counts_the_reserved_ids():
    dataset = small_text_dataset()
    assert (dataset.kind, dataset.num_classes, dataset.vocab_size) == ("text", 2, 4)
    assert dataset.vocab_size == NUM_RESERVED_TOKENS + 2


@pytest.mark.parametrize(
    "change",
    [
        {"vocabulary": ("<pad>", "<unk>", "a", "c")},
        {"vocabulary": ("<pad>", "<unk>", "ab", "")},
        {"vocabulary": None},
        {"train": Samples(np.array([[2, 3], [3, 1]], np.int32), np.array([0, 1], np.int32))},
        {"train": Samples(np.array([[2, 3, 3, 0]], np.int32), np.array([0, 1], np.int32))},
        {"train": Samples(np.array([[2, 3], [3, 0]], np.uint32), np.array([0, 1], np.int32))},
        {"test": Samples(np.array([[2, 3], [3, 0]], np.int32), np.array([1, 0], np.int32))},
    ],
)
def test_any_change_of_a_value_a_shape_a_dtype_or_a_word_gives_another_fingerprint(change):
    dataset = small_text_dataset()
    assert dataset.fingerprint == small_text_dataset().fingerprint
    assert len(dataset.fingerprint) == 64
    assert dataclasses.replace(dataset, **change).fingerprint != dataset.fingerprint


def test_a_fingerprint_does_not_depend_on_how_the_array_lies_in_memory():
    dataset = small_text_dataset()
    features, labels = dataset.train
    train = Samples(np.asfortranarray(features), labels)
    assert dataclasses.replace(dataset, train=train).fingerprint == dataset.fingerprint


@pytest.mark.parametrize("name", ["mnist", None])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(DataError) as failure:
        load(name)
    message = str(failure.value)
    assert repr(name) in message
    assert all(known in message for known in NAMES)
    assert "--data" in message
    assert "\n" not in message


def test_importing_the_package_loads_no_reader():
    readers = {"tensorflow", "tensorflow_datasets", "pyarrow", "PIL", "sklearn"}
    code = f"import sys, jaxverify.data; print(sorted({readers} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
