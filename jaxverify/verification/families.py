"""What a verdict is worth, by the family of model."""

from typing import Literal, get_args

Family = Literal["network", "regularised network", "linear", "trees", "neighbours", "unknown"]
FAMILIES: tuple[Family, ...] = get_args(Family)
