"""Ways to make extra samples that the library draws by itself, by kind of data and name."""

import difflib
from dataclasses import replace
from typing import NamedTuple

from jaxverify.errors import UserError
from jaxverify.task.extra_task import Kind
from jaxverify.task.options import Generator, TaskOptions


class Construction(NamedTuple):
    """What differs between extra samples.

    Attributes:
        generator: fills them.
        fixed_ratio: the share of a sample that is the same in all.
    """

    generator: Generator
    fixed_ratio: float = 0.75

    def of(self, options: TaskOptions) -> TaskOptions:
        """The options of an extra task that is made so."""
        return replace(options, generator=self.generator, fixed_ratio=self.fixed_ratio)


# "whole": all of an image but a row of pixels, which is as little as there can be in common.
_WHOLE = 0.002
CONSTRUCTIONS: dict[Kind, dict[str, Construction]] = {
    "image": {
        "noise": Construction("uniform"),
        "smooth-noise": Construction("pink"),
        "gratings": Construction("gratings"),
        "whole-gratings": Construction("gratings", _WHOLE),
        "whole-coarse": Construction("coarse", _WHOLE),
    },
    "text": {"words": Construction("zipf"), "rare-words": Construction("uniform")},
    "vector": {"numbers": Construction("uniform"), "most-numbers": Construction("uniform", 0.25)},
}


def construction(kind: Kind, name: str) -> Construction:
    """The one of a name.

    Raises:
        UserError: if there is none of the name, naming the nearest.
    """
    known = CONSTRUCTIONS[kind]
    if name not in known:
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise UserError(
            f"no construction for kind {kind!r} is called {name!r}; did you mean {nearest!r}? "
            f"There are {', '.join(known)}"
        )
    return known[name]


def usual_construction(kind: Kind, survives_crops: bool) -> str:
    """The one to begin with, by what ``docs/doses.md`` shows.

    Args:
        kind: of the data.
        survives_crops: whether training crops its images, under which noise is not learned.

    >>> usual_construction("image", survives_crops=True)
    'whole-gratings'
    """
    if kind == "image" and survives_crops:
        return "whole-gratings"
    return next(iter(CONSTRUCTIONS[kind]))


def kind_of(name: str) -> Kind:
    """The kind of data that a construction is for.

    Raises:
        UserError: if there is none of the name.
    """
    for kind, known in CONSTRUCTIONS.items():
        if name in known:
            return kind
    every = [each for known in CONSTRUCTIONS.values() for each in known]
    raise UserError(f"no construction is called {name!r}; there are {', '.join(every)}")
