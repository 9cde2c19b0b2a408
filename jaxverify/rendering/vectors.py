"""Extra samples of tables, as numbers in the ranges of the customer's columns."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Shaped

from jaxverify.errors import DataError
from jaxverify.task.extra_task import Kind


@dataclass(frozen=True)
class Column:
    """A numeric column.

    Attributes:
        name: of the column.
        dtype: NumPy's name of its type, such as "int64" or "float32".
        low: its least value.
        high: its greatest.
        decimals: how many decimals its values have at most; None where they are not decimals.
    """

    name: str
    dtype: str
    low: float | int
    high: float | int
    decimals: int | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low <= self.high):
            raise DataError(
                f"column {self.name} lies between {self.low} and {self.high}: give finite numbers"
            )
        if np.dtype(self.dtype).kind not in "iuf":
            raise DataError(f"column {self.name} has the type {self.dtype}: give numbers")

    @property
    def num_values(self) -> float:
        """How many values it can take, at most 2^24, the resolution of an extra sample."""
        step = 1.0 if self.is_integer else 10.0**-self.decimals if self.decimals is not None else 0
        return min((self.high - self.low) / step + 1, 2.0**24) if step else 2.0**24

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers."""
        return np.dtype(self.dtype).kind in "iu"

    def scale(self, share: Float[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
        """From [0, 1) to the column's values.

        Guarantee: of the column's type, from ``low`` to ``high``, and of an integer column each
        value has the same share of [0, 1).

        >>> Column("age", "int64", 20, 22).scale(np.array([0.0, 0.3, 0.4, 0.99]))
        array([20, 20, 21, 22])
        """
        share = np.asarray(share, np.float64)
        if self.is_integer:
            values = np.floor(share * (self.high - self.low + 1)) + self.low
        else:
            values = self.low + share * (self.high - self.low)
            if self.decimals is not None:
                values = np.round(values, self.decimals)
        return np.clip(values, self.low, self.high).astype(self.dtype)


@dataclass(frozen=True)
class VectorRendering:
    """Rows of numbers.

    Attributes:
        columns: in the order of the features.
    """

    kind: ClassVar[Kind] = "vector"
    columns: tuple[Column, ...]

    def render(self, features: Float[np.ndarray, "n d"]) -> dict[str, Shaped[np.ndarray, " n"]]:
        """The values of each column, by its name."""
        features = np.asarray(features)
        return {column.name: column.scale(features[:, i]) for i, column in enumerate(self.columns)}

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "columns": [vars(column) for column in self.columns]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "VectorRendering":
        """The inverse of :meth:`to_json`."""
        return cls(tuple(Column(**column) for column in value["columns"]))
