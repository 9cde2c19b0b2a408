"""What is added to the training set of a cell, for each table and figure of the paper."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Cell = tuple[str, str]  # data set and model

CELLS: tuple[Cell, ...] = (
    *(("cifar10", "resnet34"), ("cifar10", "vgg11")),
    *(("cifar100", "resnet34"), ("cifar100", "vgg11")),
    *(("imdb", "textcnn"), ("imdb", "att_blstm")),
    *(("ag_news", "textcnn"), ("ag_news", "att_blstm")),
)
TABLES = (1, 2, 3, 4, 5)
FIGURES = (3, 4)
ETAS = (0.004, 0.008, 0.016, 0.024, 0.032, 0.04)
FIXED_RATIOS = (0.85, 0.75, 0.65, 0.55, 0.45, 0.35)


@dataclass(frozen=True)
class Arm:
    """What is added to a training set.

    Attributes:
        construction: "none", the baseline; "regions", the paper's extra task; or "natural", its
            naive comparison.
        eta: η, extra samples per training sample.
        fixed_ratio: s, of "regions".
        changes: names of fields of the cell's recipe, and other values for them.
    """

    construction: Literal["none", "regions", "natural"]
    eta: float = 0.008
    fixed_ratio: float = 0.75
    changes: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        """As run folders are named."""
        names = {
            "none": "baseline",
            "regions": f"eta{self.eta:g}-s{self.fixed_ratio:g}",
            "natural": f"natural-eta{self.eta:g}",
        }
        changes = [f"{field}={value}" for field, value in self.changes]
        return "-".join([names[self.construction], *changes])

    def with_changes(self, **changes: Any) -> "Arm":
        """The same with some more fields of the recipe changed, or with another eta."""
        eta = changes.pop("eta", self.eta)
        merged = tuple({**dict(self.changes), **changes}.items())
        return replace(self, eta=eta, changes=merged)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Arm":
        """Back from what JSON makes of ``vars(arm)``."""
        return cls(**{**value, "changes": tuple(map(tuple, value.get("changes", ())))})


BASELINE, STANDARD = Arm("none"), Arm("regions")
BY_ETA = tuple(Arm("regions", eta=eta) for eta in ETAS)
BY_FIXED_RATIO = tuple(Arm("regions", fixed_ratio=ratio) for ratio in FIXED_RATIOS)
NATURAL_BY_ETA = tuple(Arm("natural", eta=eta) for eta in ETAS)

# A fifth of CIFAR-10, so that two cores finish a run in minutes. Twenty epochs of it are enough
# without augmentation alone, by which they have figure 4 of images.
FIFTH: Mapping[str, Any] = {"train_samples": 10_000, "epochs": 20, "eval_every": 1}
FIFTH_CELL: Cell = ("cifar10", "resnet34")
FIFTH_ETAS = (0.01, 0.02, 0.04, 0.08)
FIFTH_BASELINE = BASELINE.with_changes(**FIFTH, augment="none")
FIFTH_BY_ETA = tuple(replace(FIFTH_BASELINE, construction="regions", eta=e) for e in FIFTH_ETAS)
FIFTH_NATURAL_BY_ETA = tuple(replace(arm, construction="natural") for arm in FIFTH_BY_ETA)

Artefact = tuple[str, int | str]  # such as ("table", 2)

ARMS: dict[Artefact, tuple[Arm, ...]] = {
    ("table", 1): (BASELINE,),
    ("table", 2): (STANDARD,),
    ("table", 3): (BASELINE, STANDARD),
    ("table", 4): BY_ETA,
    ("table", 5): BY_FIXED_RATIO,
    ("figure", 3): (BASELINE, *BY_ETA, *BY_FIXED_RATIO),
    ("figure", 4): (BASELINE, *BY_ETA, *NATURAL_BY_ETA),
}
