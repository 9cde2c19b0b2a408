"""Which runs the tables and figures of the paper are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jaxverify.errors import UserError
from train.config import Config, load_config

Cell = tuple[str, str]
Budget = Literal["smoke", "cpu", "paper"]

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

_SMOKE = {
    **{"epochs": 1, "train_samples": 256, "test_samples": 128, "batch_size": 64},
    **{"eval_every": 1, "eval_batch_size": 128},
}
_SMOKE_ETA = 10  # times as many extra samples, as of so few no model could pass


@dataclass(frozen=True)
class Arm:
    """What is added to a training set.

    Attributes:
        construction: "none", the baseline; "regions", the paper's extra task; or "natural", its
            naive comparison.
        eta: η, extra samples per training sample.
        fixed_ratio: s, of "regions".
    """

    construction: Literal["none", "regions", "natural"]
    eta: float = 0.008
    fixed_ratio: float = 0.75

    def __str__(self) -> str:
        """As run folders are named."""
        match self.construction:
            case "none":
                return "baseline"
            case "regions":
                return f"eta{self.eta:g}-s{self.fixed_ratio:g}"
            case "natural":
                return f"natural-eta{self.eta:g}"


BASELINE, STANDARD = Arm("none"), Arm("regions")
BY_ETA = tuple(Arm("regions", eta=eta) for eta in ETAS)
BY_FIXED_RATIO = tuple(Arm("regions", fixed_ratio=ratio) for ratio in FIXED_RATIOS)
NATURAL_BY_ETA = tuple(Arm("natural", eta=eta) for eta in ETAS)

ARMS: dict[tuple[str, int], tuple[Arm, ...]] = {
    ("table", 1): (BASELINE,),
    ("table", 2): (STANDARD,),
    ("table", 3): (BASELINE, STANDARD),
    ("table", 4): BY_ETA,
    ("table", 5): BY_FIXED_RATIO,
    ("figure", 3): (BASELINE, *BY_ETA, *BY_FIXED_RATIO),
    ("figure", 4): (BASELINE, *BY_ETA, *NATURAL_BY_ETA),
}


@dataclass(frozen=True)
class Run:
    """One training of the evaluation: a cell, what is added to it, and a seed."""

    cell: Cell
    arm: Arm
    seed: int
    budget: Budget

    @property
    def name(self) -> str:
        """Tells it from every other run, and is the path of its folder."""
        dataset, model = self.cell
        return f"{self.budget}/{dataset}-{model}/{self.arm}-seed{self.seed}"

    def config(self, root: Path, data: Path | None) -> Config:
        """The training run, which goes on where it was stopped.

        Args:
            root: where the run folders of all budgets lie.
            data: a folder with one of Parquet files for each data set, or None for TFDS.
        """
        dataset, model = self.cell
        recipe = load_config(dataset, model, budget="cpu" if self.budget == "cpu" else "paper")
        if self.budget == "smoke":
            recipe = replace(recipe, **_SMOKE)
        return replace(
            recipe,
            extra=self.arm.construction != "none",
            construction="natural" if self.arm.construction == "natural" else "regions",
            eta=self.arm.eta * (_SMOKE_ETA if self.budget == "smoke" else 1),
            fixed_ratio=self.arm.fixed_ratio,
            probe_every=recipe.eval_every / 10,
            seed=self.seed,
            data=None if data is None else data / dataset,
            workdir=root / self.name,
            resume=True,
        )


def plan(artefacts: Iterable[tuple[str, int]], cells: Sequence[Cell], budget: Budget) -> list[Run]:
    """All runs that the tables and figures need, each once, the quickest finding first.

    Seed 0 of every cell and arm comes before seed 1 of any: a queue that is stopped early has
    something to say of everything.

    Args:
        artefacts: such as ``("table", 2)``.
        cells: in the order in which they are to run.
        budget: "paper" has three seeds; "cpu" three of the texts and one of the images; "smoke"
            one, of a few samples.
    """
    arms = list(dict.fromkeys(arm for artefact in artefacts for arm in ARMS[artefact]))
    return [
        Run(cell, arm, seed, budget)
        for seed in range(3)
        for cell in cells
        for arm in arms
        if seed < num_seeds(cell, budget)
    ]


def num_seeds(cell: Cell, budget: Budget) -> int:
    """How often a run is repeated; the paper has three."""
    if budget == "cpu" and cell[0].startswith("cifar"):
        return 1
    return 1 if budget == "smoke" else 3


def parse_cells(text: str) -> list[Cell]:
    """The cells in ``"cifar10/resnet34,imdb/textcnn"``.

    Raises:
        UserError: if one is not of the paper.

    >>> parse_cells("imdb/textcnn")
    [('imdb', 'textcnn')]
    """
    known = {"/".join(cell): cell for cell in CELLS}
    names = text.split(",")
    for name in names:
        if name not in known:
            raise UserError(f"the cell {name!r} is not one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]
