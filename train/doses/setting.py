"""What is tried: constructions of the extra task in several doses, and recipes of training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped

from jaxverify import ExtraTask
from jaxverify.task.constructions import CONSTRUCTIONS as LIBRARY
from jaxverify.task.constructions import Construction
from jaxverify.task.doses import Doses
from jaxverify.task.extra_task import Kind
from jaxverify.task.generation import Draw, generate
from jaxverify.task.natural import draw_from
from jaxverify.training.recipe import Recipe

DOSES = Doses((0, 1, 4, 16))
Pool = Shaped[np.ndarray, "k ..."]


@dataclass(frozen=True)
class Candidate:
    """A way to make extra samples that is tried.

    Attributes:
        construction: what fills them, and how much of them all have in common.
        style: of :func:`jaxverify.task.natural.generate_from`, if they are made of own data.
    """

    construction: Construction
    style: str | None = None

    def draw(self, pool: Pool) -> Draw:
        """The function that draws samples."""
        return generate if self.style is None else draw_from(pool, self.style)

    def task(self, kind: Kind, shape: tuple[int, ...], **options: Any) -> ExtraTask:
        """The extra task."""
        return ExtraTask(kind, shape, labels="balanced", **self.construction._asdict(), **options)


_IMAGE, _TEXT, _VECTOR = (LIBRARY[kind] for kind in ("image", "text", "vector"))
# Next to nothing in common: of an image a row of pixels, of others one word or number in twenty.
_WHOLE, _ALL = _IMAGE["whole-gratings"]._replace(generator="uniform"), Construction("uniform", 0.05)
_CORNER = _IMAGE["noise"]

# By kind and name.
CANDIDATES: dict[str, dict[str, Candidate]] = {
    "image": {
        "noise": Candidate(_IMAGE["noise"]),
        "smooth noise": Candidate(_IMAGE["smooth-noise"]),
        "gratings": Candidate(_IMAGE["gratings"]),
        "gratings, whole image": Candidate(_IMAGE["whole-gratings"]),
        "coarse colours, whole image": Candidate(_IMAGE["whole-coarse"]),
        "pieces of own images": Candidate(_CORNER, "patches"),
        "own images": Candidate(_WHOLE, "own"),
    },
    "text": {
        "words, all alike": Candidate(_TEXT["rare-words"]),
        "words, as frequent as in text": Candidate(_TEXT["words"]),
        "phrases of own texts": Candidate(_CORNER, "phrases"),
        "own texts": Candidate(_ALL, "own"),
    },
    "vector": {
        "numbers": Candidate(_VECTOR["numbers"]),
        "numbers, all columns": Candidate(_ALL),
        "own cells": Candidate(_CORNER, "cells"),
        "own cells, all columns": Candidate(_ALL, "cells"),
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
