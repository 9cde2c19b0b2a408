"""Recipes on which the paper's task is hard to learn, and how each is rehearsed."""

from dataclasses import dataclass, replace

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
        cloud_seeds: trainings in the cloud.
    """

    dataset: str
    recipe: Recipe
    home_rows: int
    cloud_rows: int
    held_out_rows: int
    constructions: tuple[str, ...]
    doses: tuple[int, ...] = (0, 1, 4)
    eta: float = 0.08
    side: int | None = None
    as_table: bool = False
    max_length: int | None = None
    home_seeds: int = 3
    cloud_seeds: int = 8

    def options(self, kind: Kind, name: str) -> TaskOptions:
        """Of the extra task of a construction at home."""
        return construction(kind, name).of(PROTECTING)


WANTED = 0.95  # of the best quality
MAX_SHARE = 0.1  # of the rows: these data sets are small
_CNN = Recipe(
    network="small_cnn",
    epochs=20,
    optimizer="sgd",
    learning_rate=0.02,
    augment="crop_flip",
)
_TABLE = Setting(
    "cifar10",
    Recipe(network="mlp", epochs=40, dropout=0.2, patience=4),
    home_rows=6_000,
    cloud_rows=6_000,
    held_out_rows=2_000,
    constructions=("numbers", "most-numbers"),
    side=8,
    as_table=True,
)
_TEXT = Setting(
    "ag_news",
    Recipe(network="textcnn", epochs=20, augment="drop_words", patience=3),
    home_rows=6_000,
    cloud_rows=6_000,
    held_out_rows=2_000,
    constructions=("words", "rare-words"),
    max_length=40,
)
SETTINGS: dict[str, Setting] = {
    "table_early_stopping": _TABLE,
    "table_regularised": replace(
        _TABLE,
        recipe=Recipe(
            network="mlp",
            epochs=40,
            augment="jitter",
            dropout=0.5,
            label_smoothing=0.1,
            weight_decay=0.05,
        ),
    ),
    "text_words_dropped": _TEXT,
    "crops_flips": Setting(
        "cifar10",
        _CNN,
        home_rows=6_000,
        cloud_rows=6_000,
        held_out_rows=2_000,
        constructions=("whole-gratings",),
        doses=(0, 4),
        eta=0.04,
        cloud_seeds=4,
    ),
}
