"""Which runs the tables and figures of the paper, and the studies, are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from jaxverify.errors import UserError
from train.config import Config, load_config
from train.reproduction.arms import (
    ARMS,
    CELLS,
    FIFTH_BASELINE,
    FIFTH_BY_ETA,
    FIFTH_CELL,
    FIFTH_NATURAL_BY_ETA,
    Arm,
    Artefact,
    Cell,
)
from train.reproduction.studies import STUDIES

Budget = Literal["smoke", "cpu", "gpu", "paper"]

_SMOKE = {
    **{"epochs": 1, "train_samples": 256, "test_samples": 128, "batch_size": 64},
    **{"eval_every": 1, "eval_batch_size": 128},
}
_SMOKE_ETA = 10  # times as many extra samples, as of so few no model could pass
# All of them would keep two cores busy with images for days.
_FEW_ETAS, _FEW_RATIOS = (0.008, 0.04), (0.75, 0.35)

RESULTS = Path(__file__).parent.parent.parent / "results" / "reproduction"


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

    @property
    def published(self) -> Path:
        """Where its result stands among the published ones, if it does; those are of one budget."""
        return RESULTS / f"{self.name.split('/', 1)[1].replace('/', '-')}.json"

    def config(self, root: Path, data: Path | None) -> Config:
        """The training run, which goes on where it was stopped.

        Args:
            root: where the run folders of all budgets lie.
            data: a folder with one of Parquet files for each data set, or None for TFDS.
        """
        dataset, model = self.cell
        recipe = load_config(
            dataset, model, budget=self.budget if self.budget in ("cpu", "gpu") else "paper"
        )
        recipe = replace(recipe, **dict(self.arm.changes))
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


def plan(artefacts: Iterable[Artefact], cells: Sequence[Cell], budget: Budget) -> list[Run]:
    """All runs that tables, figures and studies need, each once, the quickest finding first.

    Seed 0 of every cell and arm comes before seed 1 of any: a queue that is stopped early has
    something to say of everything.

    Args:
        artefacts: such as ``("table", 2)`` or ``("study", "labels")``.
        cells: in the order in which they are to run.
        budget: "paper" and "gpu" have three seeds; "cpu" three of the texts, and of the images
            one, at the paper's η and s and at one more of each, and for figure 4 resnet34 on a
            fifth of CIFAR-10; "smoke" one, of a few samples. A study may ask for more seeds of its
            runs.
    """
    artefacts = list(artefacts)
    repeated: dict[tuple[Cell, Arm], int] = {}
    for cell in cells:
        for what in artefacts:
            for arm in arms_of(what, cell, budget):
                wanted = num_seeds(what, cell, budget)
                repeated[cell, arm] = max(wanted, repeated.get((cell, arm), 0))
    return [
        Run(cell, arm, seed, budget)
        for seed in range(3)
        for (cell, arm), wanted in repeated.items()
        if seed < wanted
    ]


def arms_of(artefact: Artefact, cell: Cell, budget: Budget) -> list[Arm]:
    """What an artefact needs of a cell; of a study that is about others, nothing."""
    kind, name = artefact
    if kind == "study":
        return [arm for of, arm in STUDIES[str(name)].runs if of == cell]
    if (artefact, cell, budget) == (("figure", 4), FIFTH_CELL, "cpu"):
        return [FIFTH_BASELINE, *FIFTH_BY_ETA, *FIFTH_NATURAL_BY_ETA]
    arms = ARMS[artefact]
    if _slow(cell, budget):
        return [arm for arm in arms if arm.eta in _FEW_ETAS and arm.fixed_ratio in _FEW_RATIOS]
    return list(arms)


def num_seeds(artefact: Artefact, cell: Cell, budget: Budget) -> int:
    """How often a run is repeated for an artefact; the paper has three."""
    kind, name = artefact
    if budget == "smoke":
        return 1
    of_study = STUDIES[str(name)].num_seeds if kind == "study" else None
    return of_study or (1 if _slow(cell, budget) else 3)


def _slow(cell: Cell, budget: Budget) -> bool:
    return budget == "cpu" and cell[0].startswith("cifar")


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
