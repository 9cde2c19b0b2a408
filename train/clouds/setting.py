"""What a matrix is run on: small pieces of real data, so that two cores finish it in an hour."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxverify import Samples, keys, models
from jaxverify.clouds import Budget
from jaxverify.data import load
from jaxverify.training.batches import take


@dataclass(frozen=True)
class Setting:
    """A data set, cut to size, and what an honest cloud does with it.

    Attributes:
        dataset: its name.
        model: the network's.
        train_samples: of the customer's, before protection.
        held_out: real samples that the customer keeps back from the upload.
        test_samples: for the test accuracy; no verdict sees them.
        num_extra: N.
        epochs: of honest training.
        learning_rate: Adam's.
        seeds: how many.
        max_length: of text, in words.
    """

    dataset: str
    model: str
    train_samples: int
    held_out: int
    test_samples: int
    num_extra: int
    epochs: float | int
    learning_rate: float
    seeds: int
    max_length: int | None = None


SETTINGS = {
    "digits": Setting("digits", "digits_cnn", 1_200, 242, 355, 100, 12, 2e-3, seeds=3),
    "imdb": Setting("imdb", "textcnn", 1_200, 1_000, 1_000, 120, 8, 2e-3, 1, max_length=128),
    "cifar10": Setting("cifar10", "digits_cnn", 2_000, 1_000, 1_000, 150, 20, 1e-3, 1),
}


class Case(NamedTuple):
    """The customer's side of one seed, before protection.

    Attributes:
        train: D.
        held_out: real samples that are not uploaded.
        test: for the test accuracy.
        module: the network.
        budget: what an honest cloud does.
        vocab_size: of text, the number of token ids.
        fingerprint: SHA-256 of the data set.
    """

    train: Samples
    held_out: Samples
    test: Samples
    module: nn.Module
    budget: Budget
    vocab_size: int | None
    fingerprint: str


def make_case(setting: Setting, seed: int, data: Path | None) -> Case:
    """Load and cut; a function of the arguments and the data alone."""
    folder = None if data is None or setting.dataset == "digits" else data / setting.dataset
    loaded = load(setting.dataset, data_dir=folder, max_length=setting.max_length)
    key = keys.stream(jax.random.key(seed), "case")

    def draw(name: str, samples: Samples, *sizes: int) -> list[Samples]:
        order = jax.random.permutation(keys.stream(key, name), len(samples.labels))
        parts = np.split(np.asarray(order), np.cumsum(sizes))[: len(sizes)]
        return [take(samples, rows) for rows in parts]

    train, held_out = draw("train", loaded.train, setting.train_samples, setting.held_out)
    (test,) = draw("test", loaded.test, setting.test_samples)
    module = models.create(
        setting.model, num_classes=loaded.num_classes, vocab_size=loaded.vocab_size
    )
    budget = Budget(
        setting.epochs,
        loaded.num_classes,
        setting.num_extra,
        learning_rate=setting.learning_rate,
    )
    return Case(train, held_out, test, module, budget, loaded.vocab_size, loaded.fingerprint)
