"""From a data set to what the cloud is given: subsets, the extra task, the shuffle."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

import jaxverify
from jaxverify import ExtraTask, Samples, UserError, keys
from jaxverify.data import Dataset, load
from jaxverify.record.plan import num_samples_for
from jaxverify.runs import extra_key
from jaxverify.task.extra_task import kind_of
from train.config import Config


@dataclass(frozen=True)
class TrainingSet:
    """What a run trains and is tested on.

    Attributes:
        train: what the cloud sees, the extra samples mixed in if there are any.
        test: held-out samples of the original task.
        num_classes: C.
        vocabulary: of text: the word of each token id; otherwise None.
        task: the extra task in ``train``, or None, also where nothing can be verified by it.
        fingerprint: SHA-256 of the data set as it was loaded, before subsets and mixing.
    """

    train: Samples
    test: Samples
    num_classes: int
    vocabulary: tuple[str, ...] | None
    task: ExtraTask | None
    fingerprint: str

    @property
    def vocab_size(self) -> int | None:
        """Of text, the number of token ids."""
        return None if self.vocabulary is None else len(self.vocabulary)


class Parts(NamedTuple):
    """What a training set is made of, before it is mixed.

    Attributes:
        original: D_c, the samples of the original task.
        extra: D_r, what is added, or None.
        test: held-out samples of the original task.
        dataset: where these come from.
        task: as in :class:`TrainingSet`.
    """

    original: Samples
    extra: Samples | None
    test: Samples
    dataset: Dataset
    task: ExtraTask | None


def make_training_set(config: Config) -> TrainingSet:
    """Load, cut to size, protect and shuffle; a function of ``config`` and the data alone.

    A baseline of the same seed trains on the same original samples.
    """
    parts = make_parts(config)
    train, dataset = parts.original, parts.dataset
    if parts.extra is not None:
        key = keys.stream(jax.random.key(config.seed), "mixing")
        train = jaxverify.mix(key, train, parts.extra).samples
    return TrainingSet(
        train,
        parts.test,
        dataset.num_classes,
        dataset.vocabulary,
        parts.task,
        dataset.fingerprint,
    )


def make_parts(config: Config) -> Parts:
    """Load, cut to size and make the extra samples, but mix nothing."""
    key = jax.random.key(config.seed)
    dataset = load(
        config.dataset,
        data_dir=config.data,
        manual_dir=config.manual_dir,
        tfds_dir=config.tfds_dir,
        max_length=config.max_length,
        vocab_size=config.vocab_size,
    )
    train, test = dataset.train, dataset.test
    if config.validation_split > 0:
        held_out = round(config.validation_split * len(train.labels))
        order = _order(keys.stream(key, "validation split"), len(train.labels))
        train, test = _take(train, order[held_out:]), _take(train, order[:held_out])
    train = subset(keys.stream(key, "train subset"), train, config.train_samples, "train_samples")
    test = subset(keys.stream(key, "test subset"), test, config.test_samples, "test_samples")
    if not config.extra:
        return Parts(train, None, test, dataset, None)

    kind = kind_of(train.features)
    task = ExtraTask(
        kind=kind,
        shape=tuple(train.features.shape[1:]),
        num_classes=dataset.num_classes,
        num_samples=num_samples_for(config, dataset.num_classes, len(train.labels)),
        vocab_size=dataset.vocab_size if kind == "text" else None,
        **config.of_task(kind),
    )
    if config.construction == "natural":
        key = keys.stream(key, "natural samples")
        extra, test = natural_samples(key, test, task.num_samples, dataset.num_classes)
        return Parts(train, extra, test, dataset, None)
    return Parts(train, jaxverify.generate(extra_key(config.seed), task), test, dataset, task)


def epoch_order(key: jax.Array, epoch: int, num_samples: int) -> np.ndarray:
    """The order of the training samples in one epoch, int64 ``[num_samples]``."""
    return _order(jax.random.fold_in(key, epoch), num_samples)


def _order(key: jax.Array, num_samples: int) -> np.ndarray:
    return np.asarray(jax.random.permutation(key, num_samples))


def subset(key: jax.Array, samples: Samples, size: int | None, field: str) -> Samples:
    """So many samples, drawn at random; all of them where ``size`` is None.

    Raises:
        UserError: if there are not so many, naming ``field``.
    """
    if size is None:
        return samples
    if not 1 <= size <= len(samples.labels):
        raise UserError(f"{field} is {size}, of {len(samples.labels)} samples")
    return _take(samples, _order(key, len(samples.labels))[:size])


def natural_samples(
    key: jax.Array, test: Samples, size: int, num_classes: int
) -> tuple[Samples, Samples]:
    """The paper's naive comparison: test samples with random labels, and the test set without them.

    Raises:
        UserError: if nothing would be left of the test set.
    """
    if size >= len(test.labels):
        raise UserError(f"{size} of the {len(test.labels)} test samples cannot be given away")
    order_key, label_key = jax.random.split(key)
    order = _order(order_key, len(test.labels))
    labels = np.asarray(jax.random.randint(label_key, (size,), 0, num_classes))
    return Samples(test.features[order[:size]], labels), _take(test, np.sort(order[size:]))


def _take(samples: Samples, indices: np.ndarray) -> Samples:
    return Samples(samples.features[indices], samples.labels[indices])
