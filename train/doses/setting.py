"""What is tried: constructions of the extra task in several doses, and recipes of training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped

from jaxverify import ExtraTask, Samples
from jaxverify.task.doses import Doses, Draw
from jaxverify.task.extra_task import Kind
from jaxverify.task.generation import generate
from jaxverify.task.natural import generate_from
from jaxverify.training.recipe import Recipe

DOSES = Doses((0, 1, 4, 16))
_CORNER, _WHOLE, _ALL = 0.75, 0.002, 0.05  # the share of a sample that all have in common
Pool = Shaped[np.ndarray, "k ..."]


@dataclass(frozen=True)
class Construction:
    """A way to make extra samples.

    Attributes:
        generator: of the library, if they are drawn.
        style: of :func:`jaxverify.task.natural.generate_from`, if they are made of own data.
        fixed_ratio: the share of a sample that all have in common.
    """

    generator: str = "uniform"
    style: str | None = None
    fixed_ratio: float = _CORNER

    def draw(self, pool: Pool) -> Draw:
        """The function that draws samples."""
        if self.style is None:
            return generate
        return partial(_own, pool, self.style)

    def task(self, kind: Kind, shape: tuple[int, ...], **options: Any) -> ExtraTask:
        """The extra task."""
        return ExtraTask(
            kind,
            shape,
            labels="balanced",
            generator=self.generator,
            fixed_ratio=self.fixed_ratio,
            **options,
        )


def _own(pool: Pool, style: str, key: jax.Array, task: ExtraTask, indices: jax.Array) -> Any:
    return generate_from(pool, key=key, task=task, style=style, indices=indices)


# By kind and name.
CONSTRUCTIONS: dict[str, dict[str, Construction]] = {
    "image": {
        "noise": Construction(),
        "smooth noise": Construction("pink"),
        "gratings": Construction("gratings"),
        "gratings, whole image": Construction("gratings", fixed_ratio=_WHOLE),
        "coarse colours, whole image": Construction("coarse", fixed_ratio=_WHOLE),
        "pieces of own images": Construction(style="patches"),
        "own images": Construction(style="own", fixed_ratio=_WHOLE),
    },
    "text": {
        "words, all alike": Construction(),
        "words, as frequent as in text": Construction("zipf"),
        "phrases of own texts": Construction(style="phrases"),
        "own texts": Construction(style="own", fixed_ratio=_ALL),
    },
    "vector": {
        "numbers": Construction(),
        "numbers, all columns": Construction(fixed_ratio=_ALL),
        "own cells": Construction(style="cells"),
        "own cells, all columns": Construction(style="cells", fixed_ratio=_ALL),
    },
}


@dataclass(frozen=True)
class Setting:
    """One run, but for its seed.

    Attributes:
        dataset: its name.
        recipe: of the training.
        train_samples: drawn at random from it; all constructions are added to these.
        test_samples: drawn at random from the test set.
        num_samples: of each construction, all doses together.
        side: to which images are made smaller, in pixels; None leaves them.
        as_table: whether images are read as rows of numbers.
        max_length: of text, in words.
    """

    dataset: str
    recipe: Recipe
    train_samples: int
    test_samples: int
    num_samples: int
    side: int | None = None
    as_table: bool = False
    max_length: int | None = None


_SMALL_CNN = Recipe(
    network="small_cnn", epochs=20, optimizer="sgd", learning_rate=0.02, weight_decay=5e-4
)
_IMAGES = Setting("cifar10", _SMALL_CNN, 8_000, 2_000, 64, side=16)
_TEXTCNN = Recipe(network="textcnn", epochs=10, learning_rate=1e-3)
_TEXT = Setting("ag_news", _TEXTCNN, 4_000, 2_000, 64, max_length=40)
_MLP = Recipe(network="mlp", epochs=40, dropout=0.2)
_TABLE = Setting("cifar10", _MLP, 6_000, 2_000, 64, side=8, as_table=True)


def _with(setting: Setting, **changes: Any) -> Setting:
    return replace(setting, recipe=replace(setting.recipe, **changes))


SETTINGS: dict[str, Setting] = {
    "none": _IMAGES,
    "flip": _with(_IMAGES, augment="flip"),
    "crop_flip": _with(_IMAGES, augment="crop_flip"),
    "cutout": _with(_IMAGES, augment="cutout"),
    "randaugment": _with(_IMAGES, augment="randaugment"),
    "mixup": _with(_IMAGES, augment="crop_flip", mixup=0.4),
    "none, 32 x 32": replace(_IMAGES, side=None),
    "crop_flip, 32 x 32": replace(_with(_IMAGES, augment="crop_flip"), side=None),
    "text": _TEXT,
    "text, words dropped": _with(_TEXT, augment="drop_words"),
    "table": _TABLE,
    "table, jittered": _with(_TABLE, augment="jitter", dropout=0.5, weight_decay=0.05),
}
Progress = Callable[[int], Any]


def in_form(samples: Samples, side: int | None, as_table: bool) -> Samples:
    """Images made smaller, or read as rows of numbers in [0, 1), by the mean of their fields."""
    images = np.asarray(samples.features)
    if side is not None:
        n, height, width, channels = images.shape
        fields = images.reshape(n, side, height // side, side, width // side, channels)
        images = fields.mean(axis=(2, 4)).astype(np.uint8)
    if as_table:
        images = images.reshape(len(images), -1).astype(np.float32) / 256
    return Samples(images, samples.labels)
