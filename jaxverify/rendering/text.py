"""Extra samples of text, as texts."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from jaxverify.errors import UserError
from jaxverify.task.extra_task import Kind
from jaxverify.task.samples import NUM_RESERVED_TOKENS


@dataclass(frozen=True)
class TextRendering:
    """Words joined by blanks.

    Attributes:
        vocabulary: the words that are drawn from, the commonest first; token id i is
            ``vocabulary[i - 2]``, as two ids are reserved.
    """

    kind: ClassVar[Kind] = "text"
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.vocabulary)) < len(self.vocabulary):
            raise UserError("the vocabulary has a word twice, so that two samples may be one")
        for word in self.vocabulary:
            if not word or any(character.isspace() for character in word):
                raise UserError(f"the vocabulary has {word!r}, which is not one word")

    def render(self, features: Int[np.ndarray, "n m"]) -> list[str]:
        """A text for each row of token ids.

        Guarantee: split at blanks, a text gives the words of its ids again.

        >>> TextRendering(("the", "film")).render(np.array([[3, 2, 3]]))
        ['film the film']
        """
        words = np.array(self.vocabulary, object)
        return [" ".join(row) for row in words[np.asarray(features) - NUM_RESERVED_TOKENS]]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TextRendering":
        """The inverse of :meth:`to_json`."""
        return cls(tuple(value["vocabulary"]))
