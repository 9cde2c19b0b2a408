"""The real data sets, where a folder ``shared/data`` lies beside the repository."""

from pathlib import Path

import numpy as np
import pytest

from jaxverify.data import Dataset, decoded, load

DATA = Path(__file__).parents[2] / "shared" / "data"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}"),
]


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch):
    """The folder is shared: no decoded images are left in it, nor in the user's cache."""
    monkeypatch.setattr(decoded, "SMALLEST", float("inf"))


def overlap(dataset: Dataset) -> int:
    """How many samples of the test set also stand in the training set."""
    trained = {row.tobytes() for row in np.asarray(dataset.train.features)}
    return sum(row.tobytes() in trained for row in np.asarray(dataset.test.features))


@pytest.mark.parametrize(
    ("name", "sizes", "shape", "num_classes", "names"),
    [
        ("cifar10", (50_000, 10_000), (32, 32, 3), 10, ("airplane", "truck")),
        ("cifar100", (50_000, 10_000), (32, 32, 3), 100, ("apple", "worm")),
        ("imdb", (25_000, 25_000), (256,), 2, ("neg", "pos")),
        ("ag_news", (27_492, 7_600), (64,), 4, ("World", "Sci/Tech")),
    ],
)
def test_sizes_balance_and_class_names(name, sizes, shape, num_classes, names):
    dataset = load(name, data_dir=DATA / name)
    for samples, size in zip((dataset.train, dataset.test), sizes, strict=True):
        assert samples.features.shape == (size, *shape)
        counts = np.bincount(samples.labels)
        assert counts.tolist() == [size // num_classes] * num_classes
    assert (dataset.class_names[0], dataset.class_names[-1]) == names
    assert dataset.vocab_size == (None if dataset.kind == "image" else 10_000)
    assert overlap(dataset) < 0.01 * sizes[1]
