"""Recipes on which the paper's task is hard to learn, and how each is rehearsed."""

from dataclasses import dataclass, replace
from typing import Any

from jaxverify.task.constructions import construction
from jaxverify.task.extra_task import Kind
from jaxverify.task.options import PROTECTING, TaskOptions
from jaxverify.training.recipe import Recipe


@dataclass(frozen=True)
class Setting:
    """A recipe on a data set, parted between home and cloud.

    Attributes:
        dataset: its name.
        recipe: of the training, at home and in the cloud.
        home_rows: to train on at home.
        cloud_rows: others, which the cloud trains on.
        held_out_rows: by which qualities are measured, and training is stopped early.
        constructions: that are rehearsed, by name; the best is planned.
        doses: that are rehearsed.
        eta: extra samples per row at home.
        side: to which images are made smaller, in pixels.
        as_table: whether images are read as rows of numbers.
        max_length: of text, in words.
        home_seeds: trainings at home, of each construction.
        cloud_seeds: trainings in the cloud, with the planned task.
        other_seeds: with the paper's task, and with none.
    """

    dataset: str
    recipe: Recipe
    home_rows: int
    cloud_rows: int
    held_out_rows: int
    constructions: tuple[str, ...]
    doses: tuple[int, ...]
    eta: float = 0.08
    side: int | None = None
    as_table: bool = False
    max_length: int | None = None
    home_seeds: int = 3
    cloud_seeds: int = 4
    other_seeds: int = 2

    def options(self, kind: Kind, name: str) -> TaskOptions:
        """Of the extra task of a construction at home."""
        return construction(kind, name).of(PROTECTING)


WANTED = (0.95, 0.9, 0.85, 0.8, 0.7)  # shares of the best quality, tried in this order
MAX_SHARE = 0.25  # of the rows: these data sets are small, and what is asked takes its number
_IMAGES = Setting(
    "cifar10",
    Recipe(
        network="small_cnn",
        epochs=20,
        optimizer="sgd",
        learning_rate=0.02,
        augment="crop_flip",
    ),
    home_rows=5_000,
    cloud_rows=5_000,
    held_out_rows=4_000,
    constructions=("noise",),
    doses=(0, 16),
    eta=0.05,
    side=16,
    other_seeds=1,
)
_TABLE = Setting(
    "cifar10",
    Recipe(network="mlp", epochs=40, dropout=0.2, patience=4),
    home_rows=6_000,
    cloud_rows=6_000,
    held_out_rows=2_000,
    constructions=("numbers",),
    doses=(0, 1, 4),
    side=8,
    as_table=True,
    cloud_seeds=8,
)
_TEXT = Setting(
    "ag_news",
    Recipe(network="textcnn", epochs=20, augment="drop_words", patience=3),
    home_rows=6_000,
    cloud_rows=6_000,
    held_out_rows=2_000,
    constructions=("words",),
    doses=(0, 1, 4),
    max_length=40,
)


_FEW: dict[str, Any] = {"cloud_seeds": 2, "other_seeds": 1}  # train.zoo has clouds for these


def _with(setting: Setting, **changes: Any) -> Setting:
    return replace(setting, recipe=replace(setting.recipe, **changes))


SETTINGS: dict[str, Setting] = {
    "crops_and_flips": _IMAGES,
    "crops_and_flips_longer": _with(_IMAGES, epochs=60),
    "mixup": _with(_IMAGES, mixup=0.4),
    "cutout": replace(
        _with(_IMAGES, augment="cutout"), constructions=("whole-gratings",), doses=(0, 16)
    ),
    "regularised": _with(
        _IMAGES, augment="flip", dropout=0.6, weight_decay=5e-3, label_smoothing=0.2
    ),
    "table_early_stopping": _TABLE,
    "table_regularised": _with(
        _TABLE,
        patience=None,
        augment="jitter",
        dropout=0.5,
        label_smoothing=0.1,
        weight_decay=0.05,
    ),
    "text_words_dropped": _TEXT,
    "plain": replace(
        _with(_IMAGES, augment="none"),
        constructions=("noise", "whole-gratings"),
        doses=(0, 1),
        **_FEW,
    ),
    "randaugment": replace(
        _with(_IMAGES, augment="randaugment"), constructions=("whole-gratings",), **_FEW
    ),
    "table_plain": replace(_with(_TABLE, dropout=None, patience=None), **_FEW),
    "text_plain": replace(_with(_TEXT, augment="none", patience=None), **_FEW),
}
