"""How CQ depends on the recipe: runs that differ from one another in one thing each.

One study asks of performance losses, how much the seed alone makes.
"""

from dataclasses import dataclass
from typing import Any, Literal

from train.reproduction.arms import (
    BASELINE,
    FIFTH,
    FIFTH_BASELINE,
    FIFTH_BY_ETA,
    FIFTH_CELL,
    STANDARD,
    Arm,
    Cell,
)

_TEXTCNN: tuple[Cell, ...] = (("imdb", "textcnn"), ("ag_news", "textcnn"))
_RESNET: Cell = ("cifar10", "resnet34")
_VGG: Cell = ("cifar10", "vgg11")
_ZIPF = STANDARD.with_changes(generator="zipf")

_SMALL = STANDARD.with_changes(eta=0.04, **FIFTH)  # N = 400 as of the whole
_SMALL_PLAIN = _SMALL.with_changes(augment="none")
# What the recipes for two cores were chosen by: a tenth of the training set held out, and named
# "test" in what the run says.
_HELD_OUT = STANDARD.with_changes(validation_split=0.1, eval_every=0.5)
_PLAIN_SGD: dict[str, Any] = {"augment": "none", "optimizer": "sgd", "learning_rate": 0.05}
_SMALL_HELD_OUT = _SMALL.with_changes(validation_split=0.1, augment="none")
# The trial that passed at 39% test accuracy.
_EARLY = STANDARD.with_changes(
    train_samples=25_000, epochs=8, learning_rate=0.05, augment="none", eval_every=1
)


@dataclass(frozen=True)
class Study:
    """One question.

    Attributes:
        question: which the runs answer.
        runs: a cell and what is changed in its recipe.
        table: what has a row of its own in what was found: a recipe; a recipe and a test, by
            answers and by scores; or a recipe, with its seeds one by one.
        num_seeds: how often a run is repeated, where the budget would have another number.
    """

    question: str
    runs: tuple[tuple[Cell, Arm], ...]
    table: Literal["recipe", "test", "seeds"] = "recipe"
    num_seeds: int | None = None


def _each(cells: tuple[Cell, ...], *arms: Arm) -> tuple[tuple[Cell, Arm], ...]:
    return tuple((cell, arm) for cell in cells for arm in arms)


STUDIES: dict[str, Study] = {
    "recipes": Study(
        "Which recipe trains a network of images to the end on two cores? Tested on a tenth of the "
        "training set, held out.",
        _each((_RESNET,), _HELD_OUT)
        + _each(
            (_VGG,),
            _HELD_OUT.with_changes(epochs=12, **_PLAIN_SGD),
            _SMALL_HELD_OUT.with_changes(optimizer="adamw", learning_rate=5e-4),
        ),
    ),
    "length": Study(
        "Does a network pass whose learning rate has come to its end, and its test accuracy to "
        "rest, before it has learned its training set?",
        _each((("cifar100", "resnet34"),), STANDARD.with_changes(epochs=16), STANDARD)
        + _each((("cifar100", "vgg11"),), STANDARD.with_changes(epochs=12), STANDARD),
    ),
    "words": Study(
        "Do random words that are as frequent as in real text hold back the first pass?",
        _each(
            (*_TEXTCNN, ("ag_news", "att_blstm"), ("imdb", "att_blstm")),
            STANDARD,
            _ZIPF,
            _ZIPF.with_changes(eta=0.024),
        ),
    ),
    "labels": Study(
        "Do balanced labels, of which a constant answer hits no more than 1/C?",
        _each(
            _TEXTCNN,
            STANDARD,
            STANDARD.with_changes(labels="balanced"),
            _ZIPF.with_changes(labels="balanced"),
        ),
    ),
    "scores": Study(
        "Do scores, compared with those of held-out twins, hold back the first pass?",
        _each((*_TEXTCNN, ("ag_news", "att_blstm")), STANDARD.with_changes(twins=True)),
        table="test",
    ),
    "optimizer": Study(
        "Is it Adam that learns a rare word at sight?",
        _each(
            (("imdb", "textcnn"),),
            STANDARD,
            STANDARD.with_changes(optimizer="sgd", learning_rate=0.1),
        ),
    ),
    "early": Study(
        "What lets a network pass that is trained without augmentation for an epoch?",
        _each(
            (_RESNET,),
            _EARLY,
            _EARLY.with_changes(warmup_epochs=0),
            _EARLY.with_changes(warmup_epochs=0, labels="balanced"),
            _EARLY.with_changes(warmup_epochs=0, eta=0.032),
        ),
        num_seeds=3,
    ),
    "augmentation": Study(
        "How much does augmentation hold it back?",
        _each(
            (_RESNET,),
            _SMALL_PLAIN,
            _SMALL,
            _SMALL.with_changes(augment="crop_flip"),
            _SMALL.with_changes(epochs=50),
        ),
    ),
    "schedule": Study(
        "How much does the schedule of the learning rate matter?",
        _each(
            (_RESNET,),
            _SMALL_PLAIN,
            _SMALL_PLAIN.with_changes(schedule="step"),
            _SMALL_PLAIN.with_changes(schedule="constant"),
        ),
    ),
    "batch-norm": Study(
        "How much does batch norm matter?",
        _each(
            (_VGG,),
            _SMALL.with_changes(**_PLAIN_SGD),
            _SMALL.with_changes(model="vgg11_bn", **_PLAIN_SGD),
        ),
    ),
    "size": Study(
        "How much does N, at one size of the training set?",
        _each((_RESNET,), *FIFTH_BY_ETA),
    ),
    "seeds": Study(
        "How much do two seeds differ in test accuracy, and how much is lost by the extra task?",
        _each((FIFTH_CELL,), FIFTH_BASELINE, FIFTH_BY_ETA[0], FIFTH_BY_ETA[2])
        + _each((("cifar100", "resnet34"), *_TEXTCNN), BASELINE, STANDARD),
        table="seeds",
        num_seeds=3,
    ),
}
