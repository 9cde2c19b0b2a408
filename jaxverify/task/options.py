"""What a customer, or an experiment, may choose of an extra task."""

from dataclasses import dataclass
from typing import Any, Literal

Generator = Literal["uniform", "zipf", "pink", "gratings", "coarse"]


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """The choices of an extra task, and of the verification that it is made for.

    The defaults are the paper's; those of ``jaxverify protect`` are :data:`PROTECTING`.
    """

    eta: float | None = 0.008
    """Extra samples per training sample, the paper's η; if None, enough for a model that knows a
    tenth of them, but at most 4% of the data."""
    fixed_ratio: float = 0.75
    """The share of an extra sample that is the same in all, the paper's s."""
    labels: Literal["iid", "balanced"] = "iid"
    """Labels of the extra samples: drawn each for itself, as the paper does, or each class equally
    often."""
    generator: Generator | None = "uniform"
    """What fills the extra samples: the paper's uniform noise ("uniform"); for text, words about as
    frequent as in real text ("zipf"); for images, noise as smooth as photographs ("pink"), or
    gratings or coarse colours, which survive crops and flips. If None, "zipf" for text and
    "uniform" for all else."""
    placement: Literal["corner", "secret"] = "corner"
    """Of their random region: the paper's, or wherever the key puts it."""
    num_fixed: int = 1
    """How many fixed regions there are, each in as many samples."""
    alpha: float = 0.01
    """Significance level of the verification, the paper's α."""
    epsilon: float = 0.03
    """Share of extra samples that may be learned early, the paper's ε."""

    def of_task(self, kind: str) -> dict[str, Any]:
        """What :class:`jaxverify.ExtraTask` takes of them, for samples of a kind.

        >>> TaskOptions(generator=None).of_task("text")["generator"]
        'zipf'
        """
        return {
            "fixed_ratio": self.fixed_ratio,
            "labels": self.labels,
            "generator": self.generator or ("zipf" if kind == "text" else "uniform"),
            "placement": self.placement,
            "num_fixed": self.num_fixed,
        }


PROTECTING = TaskOptions(eta=None, labels="balanced", generator=None)
