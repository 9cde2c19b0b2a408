"""What is tried: constructions of the extra task in several doses, and recipes of training."""

from dataclasses import dataclass
from typing import Any, Literal

from jaxverify import ExtraTask
from jaxverify.task.doses import Doses
from train.config import Config

DOSES = Doses((0, 1, 4, 16))
NUM_SAMPLES = 100  # of each construction, 25 of each dose

# By name: what differs between samples, and the share of an image that all have in common.
CONSTRUCTIONS: dict[str, dict[str, Any]] = {
    "noise": {"generator": "uniform", "fixed_ratio": 0.75},
    "smooth noise": {"generator": "pink", "fixed_ratio": 0.75},
    "gratings": {"generator": "gratings", "fixed_ratio": 0.75},
    "gratings, whole image": {"generator": "gratings", "fixed_ratio": 0.002},
}


@dataclass(frozen=True)
class Setting:
    """One run, but for its seed.

    Attributes:
        dataset: of images.
        train_samples: drawn at random from it; all constructions are added to these.
        test_samples: drawn at random from the test set.
        model: the network.
        augment: an entry of ``train.augment.AUGMENTATIONS``.
        epochs: of all samples, under a cosine schedule.
    """

    dataset: str = "cifar10"
    train_samples: int = 10_000
    test_samples: int = 2_000
    model: str = "small_cnn"
    augment: Literal["none", "flip", "crop_flip"] = "none"
    epochs: int = 30

    def config(self, seed: int) -> Config:
        """Of the optimizer and the data."""
        return Config(
            self.dataset,
            self.model,
            seed=seed,
            epochs=self.epochs,
            batch_size=128,
            learning_rate=0.01,
            weight_decay=5e-4,
            augment=self.augment,
        )

    def tasks(self, shape: tuple[int, ...], num_classes: int) -> dict[str, ExtraTask]:
        """The extra task of each construction."""
        return {
            name: ExtraTask(
                "image", shape, num_classes, NUM_SAMPLES, labels="balanced", **construction
            )
            for name, construction in CONSTRUCTIONS.items()
        }


AUGMENTS: tuple[Literal["none", "flip", "crop_flip"], ...] = ("none", "flip", "crop_flip")
SETTINGS = {augment: Setting(augment=augment) for augment in AUGMENTS}
