"""The extra task: what it is made of (Algorithm 1 of the paper)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.task.decimals import exact
from jaxverify.task.samples import NUM_RESERVED_TOKENS, Samples, as_samples

Kind = Literal["image", "text", "vector"]

_RANK: dict[Kind, int] = {"image": 3, "text": 1, "vector": 1}
_FIELDS = 4  # of coarse colours, along each side of a region: see coarse
_BITS_OF_GRATINGS = 2 * (8 + 8 + 3 * 6)  # directions, lengths and colours: see gratings
_MAX_COLLISION_PROBABILITY = 1e-9


@dataclass(frozen=True)
class ExtraTask:
    """A frozen, hashable specification; together with a key it determines every sample.

    Each sample is a *fixed region* x_f, the same in all of them, joined to a *random region* x_r
    of its own, with a random label. The random region is, at the paper's place, for

    - images, the top-left ``floor(sqrt(1-s)*h)`` rows x ``floor(sqrt(1-s)*w)`` columns;
    - text, the first ``floor((1-s)*m)`` words;
    - vectors, all but the first ``floor(s*d)`` features.

    Attributes:
        kind: "image" (uint8), "text" (int32 token ids) or "vector" (float32 in [0, 1)).
        shape: of one sample: ``(h, w, channels)``, ``(m,)`` for text of m words, ``(d,)``.
        num_classes: C, at least 2.
        num_samples: N, how many extra samples there are.
        fixed_ratio: s, the share of the features that is fixed, in (0, 1).
        labels: "iid", the paper's, drawn uniformly each for itself; or "balanced", every class
            equally often (to within one) in random order, so that a constant answer scores 1/C.
        generator: the name of an entry of ``jaxverify.task.generators.GENERATORS``: "uniform", the
            paper's; "zipf", words about as frequent as in real text; "pink", images whose spectrum
            falls as that of photographs does; or "gratings", textures that crops and flips leave.
        vocab_size: of text alone: the number of token ids, the two reserved ones counted.
        placement: of the random region: "corner", the paper's, as above; or "secret", where the
            key puts it, of the same shape and in all samples the same.
        num_fixed: how many fixed regions there are, 1 to N; the paper has one. Each sample has
            one of them, and each is in N / num_fixed samples, to within C. With balanced labels
            each class is equally often (to within one) beside each of them.

    Raises:
        UserError: if a value is out of its range, if either region would be empty, if the random
            region has too few values for N distinct samples, or if N is so small that not even
            a perfect answer passes at the default alpha and epsilon.

    Guarantee: for every task that can be built, two samples of one key coincide with a
    probability of at most 1e-9. With balanced labels no answer that follows from the fixed region
    alone is right in more than ``ceil(N / C)`` samples.

    >>> task = ExtraTask("image", (32, 32, 3), num_classes=10, num_samples=400)
    >>> task.random_shape
    (16, 16, 3)
    """

    kind: Kind
    shape: tuple[int, ...]
    num_classes: int
    num_samples: int
    fixed_ratio: float = 0.75
    labels: Literal["iid", "balanced"] = "iid"
    generator: str = "uniform"
    vocab_size: int | None = None
    placement: Literal["corner", "secret"] = "corner"
    num_fixed: int = 1

    def __post_init__(self) -> None:
        _check_form(self)
        # Raises where no pass is possible.
        stats.threshold(self.num_samples, self.num_classes, labels=self.labels)
        _check_distinct(self)

    @classmethod
    def for_dataset(
        cls,
        dataset: Samples | Sequence[Any],
        *,
        eta: float = 0.008,
        num_classes: int | None = None,
        vocab_size: int | None = None,
        **options: Any,
    ) -> "ExtraTask":
        """The task that fits ``dataset``, with ``N = ceil(eta * |D|)`` extra samples.

        Args:
            dataset: the original training set D, or a pair (features, labels): uint8
                ``[n, h, w, c]`` are images, integers ``[n, m]`` are text, floating-point
                ``[n, d]`` are vectors.
            eta: the paper's η, samples of the extra task per original sample.
            num_classes: C; without it one more than the largest label.
            vocab_size: of text; without it one more than the largest token id.
            options: the other attributes, as :class:`ExtraTask` takes them.

        Raises:
            UserError: as :class:`ExtraTask` does, or if the features are of no known kind.

        Guarantee: N is the exact ceiling of the decimal number written, free of rounding.

        >>> digits = Samples(np.zeros((100, 8, 8, 1), np.uint8), np.arange(100) % 10)
        >>> ExtraTask.for_dataset(digits, eta=0.07).num_samples
        7
        """
        if not (math.isfinite(eta) and eta > 0):
            raise UserError(f"eta is {eta}; it is a positive share of the data set, such as 0.008")
        dataset = as_samples(dataset)
        if not len(dataset.labels):
            raise UserError("dataset has no samples")
        kind = kind_of(dataset.features)
        if kind == "text" and vocab_size is None:
            vocab_size = int(dataset.features.max()) + 1
        return cls(
            kind=kind,
            shape=tuple(dataset.features.shape[1:]),
            num_classes=int(dataset.labels.max()) + 1 if num_classes is None else num_classes,
            num_samples=math.ceil(exact(eta) * len(dataset.labels)),
            vocab_size=vocab_size,
            **options,
        )

    @property
    def random_region(self) -> tuple[slice, ...]:
        """Where x_r lies in a sample, as an index: ``features[i][task.random_region]``.

        Raises:
            UserError: if its placement is secret:
                :func:`jaxverify.task.generation.region_slices` knows it.
        """
        if self.placement == "secret":
            raise UserError("placement is 'secret': where the random region lies, the key decides")
        if self.kind == "vector":
            return (slice(self.shape[0] - self.random_shape[0], None),)
        return tuple(slice(size) for size in self.random_shape)

    @property
    def random_shape(self) -> tuple[int, ...]:
        """The shape of x_r."""
        free = 1 - exact(self.fixed_ratio)
        match self.kind:
            case "image":
                # floor(sqrt(q) * n) in integers: the root of the floor of q * n^2.
                rows, columns = (math.isqrt(math.floor(free * n * n)) for n in self.shape[:2])
                return rows, columns, self.shape[2]
            case "text":
                return (math.floor(free * self.shape[0]),)
            case "vector":
                return (self.shape[0] - math.floor((1 - free) * self.shape[0]),)


def kind_of(features: Any) -> Kind:
    """What features are, by their shape and type.

    Raises:
        UserError: if they are of no known kind.
    """
    if features.ndim == 4 and features.dtype == np.uint8:
        return "image"
    if features.ndim == 2 and np.issubdtype(features.dtype, np.integer):
        return "text"
    if features.ndim == 2 and np.issubdtype(features.dtype, np.floating):
        return "vector"
    raise UserError(
        f"features of shape {features.shape} and type {features.dtype} are neither images "
        "(uint8 [n, h, w, c]) nor text (integers [n, m]) nor vectors (floating-point [n, d])"
    )


def _check_form(task: ExtraTask) -> None:
    if task.kind not in _RANK:
        raise UserError(f"kind is {task.kind!r}; it is one of {', '.join(_RANK)}")
    if len(task.shape) != _RANK[task.kind] or min(task.shape) < 1:
        raise UserError(
            f"shape is {task.shape}; a sample of kind {task.kind!r} has {_RANK[task.kind]} "
            "dimensions, each at least 1"
        )
    if not 0 < task.fixed_ratio < 1:
        raise UserError(f"fixed_ratio is {task.fixed_ratio}; it lies between 0 and 1")
    if task.labels not in ("iid", "balanced"):
        raise UserError(f"labels is {task.labels!r}; it is 'iid' or 'balanced'")
    if task.placement not in ("corner", "secret"):
        raise UserError(f"placement is {task.placement!r}; it is 'corner' or 'secret'")
    if not 1 <= task.num_fixed <= max(task.num_samples, 1):
        raise UserError(
            f"num_fixed is {task.num_fixed}; it is at least 1 and at most the {task.num_samples} "
            "samples"
        )
    if (task.vocab_size is not None) != (task.kind == "text"):
        raise UserError(f"vocab_size is {task.vocab_size}; text has one, other kinds do not")
    if task.vocab_size is not None and task.vocab_size <= NUM_RESERVED_TOKENS + 1:
        raise UserError(
            f"vocab_size is {task.vocab_size}; {NUM_RESERVED_TOKENS} ids are reserved and at "
            "least two words are needed"
        )
    if 0 in task.random_shape or task.random_shape == task.shape:
        region = "random" if 0 in task.random_shape else "fixed"
        raise UserError(
            f"with fixed_ratio {task.fixed_ratio} the {region} region of a sample of shape "
            f"{task.shape} is empty"
        )


def _check_distinct(task: ExtraTask) -> None:
    """The birthday bound: N^2 / 2 pairs among as many values as coincide as seldom."""
    num_words = (task.vocab_size or 0) - NUM_RESERVED_TOKENS
    values = {"image": 2**8, "text": num_words, "vector": 2**24}[task.kind]
    if task.generator == "zipf" and task.kind == "text":
        shares = 1 / np.arange(1, num_words + 1)
        values = float(shares.sum() ** 2 / (shares**2).sum())
    if task.generator == "pink" and task.kind == "image":
        values = 2**3  # of a feature, whatever its neighbours: see generators.pink
    bits = math.prod(task.random_shape) * math.log2(values)
    if task.generator == "gratings":
        bits = _BITS_OF_GRATINGS
    if task.generator == "coarse":
        height, width, channels = task.random_shape
        bits = 8 * min(height, _FIELDS) * min(width, _FIELDS) * channels
    pairs = task.num_samples * (task.num_samples - 1) / 2
    if pairs * 2.0**-bits > _MAX_COLLISION_PROBABILITY:
        raise UserError(
            f"the random region of shape {task.random_shape} has only 2^{bits:.1f} values, too few "
            f"for {task.num_samples} distinct samples: lower fixed_ratio (now {task.fixed_ratio})"
        )
