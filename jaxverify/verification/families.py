"""What a verdict is worth, by the family of model: to be known before anything is uploaded."""

from typing import Literal, NamedTuple, get_args

from jaxverify.errors import UserError

Family = Literal["network", "regularised-network", "linear", "trees", "neighbours", "unknown"]
FAMILIES: tuple[Family, ...] = get_args(Family)


class Worth(NamedTuple):
    """What the outcomes tell of models of a family, if nothing was rehearsed.

    Attributes:
        pass_tells: whether PASS tells a finished model from one that was cut short.
        fail_tells: whether FAIL does.
        words: the same in words, a sentence or more.
    """

    pass_tells: bool
    fail_tells: bool
    words: str


_REHEARSE = "Rehearse it (jaxverify rehearse), and protect with the plan."
_WORTH: dict[Family, Worth] = {
    "network": Worth(
        True,
        True,
        "A network that is trained without crops or strong regularisation learns extra samples "
        "late, but how late depends on the data and the recipe. " + _REHEARSE,
    ),
    "regularised-network": Worth(
        True,
        False,
        "Crops, cutout, RandAugment, mixup, strong dropout and early stopping keep networks from "
        "learning extra samples, so that honest ones FAIL. " + _REHEARSE,
    ),
    "linear": Worth(
        False,
        False,
        "Hardly anything can be verified: a linear model on few columns may never learn extra "
        "samples, so that honest ones FAIL; one on words learns them with its first passes, but by "
        "then it is nearly as good as it gets.",
    ),
    "trees": Worth(
        False,
        False,
        "Nothing can be verified without a rehearsal of your own trainer (jaxverify rehearse "
        "--trainer): boosting and forests know extra samples after a few rounds, and a shallow "
        "tree never does. PASS tells only that the rows were used.",
    ),
    "neighbours": Worth(
        False,
        False,
        "Nothing can be verified: such a model keeps the rows that it was given, and knows the "
        "extra samples among them at once. PASS tells only that the rows were used.",
    ),
    "unknown": Worth(
        True,
        False,
        "What a verdict is worth depends on the kind of model. Linear models, trees and nearest "
        "neighbours cannot be verified; networks can if their recipe is rehearsed. Say which it is "
        "with --family.",
    ),
}


def family(name: str) -> Family:
    """The family of a name.

    Raises:
        UserError: if there is none of the name.
    """
    for each in FAMILIES:
        if each == name:
            return each
    raise UserError(f"family is {name!r}; it is one of {', '.join(FAMILIES)}")


def worth(of: Family) -> Worth:
    """What a verdict on such a model is worth without a rehearsal.

    >>> worth("trees").pass_tells
    False
    """
    return _WORTH[of]
