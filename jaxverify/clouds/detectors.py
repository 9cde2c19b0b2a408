"""How a cloud may look for the extra samples: each detector gives every sample a score.

A detector is a function ``(dataset, fitted) -> float64 [n]``, the higher the more suspect;
``fitted`` is a network that has had a first look at the data, which the first two do not need.
"""

import zlib
from collections import Counter
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from jaxverify.clouds.training import Fitted, head, losses
from jaxverify.errors import UserError
from jaxverify.task.samples import Samples

_WORDS = 1_024  # into which token ids are folded
_AT_ONCE = 1_024  # samples that are compared with all others

Detector = Callable[[Samples, Fitted], Float[np.ndarray, " n"]]


def identical_block(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, " n"]:
    """How many samples share a block of this one's: the commonest of its blocks, by their number.

    A block is a square of an image, or a run of features; one that is all alike, such as an empty
    corner or padding, is in many honest samples and is not counted.
    """
    del fitted
    found = np.zeros(len(dataset.labels))
    for block in _blocks(np.asarray(dataset.features)):
        rows = block.reshape(len(block), -1)
        codes = [row.tobytes() if (row != row[0]).any() else b"" for row in rows]
        counts = Counter(codes)
        found = np.maximum(found, [counts[code] if code else 0 for code in codes])
    return found


def compressibility(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, " n"]:
    """The size of a sample after zlib: noise cannot be compressed."""
    del fitted
    return np.array([len(zlib.compress(x.tobytes(), 9)) for x in dataset.features], float)


def spectral_signature(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, " n"]:
    """How far a sample lies from its class along that class's first direction (Tran et al., 2018).

    Of what the network's last layer reads; classes are centred each by itself.
    """
    inputs = _last_inputs(dataset, fitted)
    found = np.zeros(len(inputs))
    for label in np.unique(dataset.labels):
        rows = np.flatnonzero(dataset.labels == label)
        centred = inputs[rows] - inputs[rows].mean(0)
        direction = np.linalg.svd(centred, full_matrices=False)[2][0]
        found[rows] = (centred @ direction) ** 2
    return found


def loss_ranking(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, " n"]:
    """The loss after the first look: what does not generalise is learned last."""
    return losses(fitted.predict(dataset.features), dataset.labels)


def near_copies(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, " n"]:
    """How near the nearest other sample is: of a dose above 1 the copies resemble each other.

    Images and vectors are compared number by number, texts by how often each word is in them.
    """
    del fitted
    features = np.asarray(dataset.features)
    if features.ndim == 2 and np.issubdtype(features.dtype, np.integer):
        counts = np.zeros((len(features), _WORDS), np.float32)
        np.add.at(counts, (np.arange(len(features))[:, None], features % _WORDS), 1)
        features = counts
    rows = features.reshape(len(features), -1).astype(np.float32)
    rows -= rows.mean(0)
    squares, nearest = (rows**2).sum(1), np.empty(len(rows))
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        distances = squares[part, None] + squares - 2 * rows[part] @ rows.T
        distances[np.arange(len(distances)), np.arange(len(rows))[part]] = np.inf
        nearest[part] = distances.min(1)
    return -nearest


DETECTORS: dict[str, Detector] = {
    "identical block": identical_block,
    "compressibility": compressibility,
    "spectral signature": spectral_signature,
    "loss ranking": loss_ranking,
    "near copies": near_copies,
}
NEEDS_A_LOOK = ("spectral signature", "loss ranking")


def auc(scores: Float[np.ndarray, " n"], positions: Int[np.ndarray, " m"]) -> float:
    """The probability that an extra sample scores higher than another one, ties counted half.

    Args:
        scores: of a detector.
        positions: of the extra samples among them.

    Raises:
        UserError: if all or none of the samples are extra ones.

    >>> auc(np.array([0.0, 3.0, 1.0, 2.0]), np.array([1, 3]))
    1.0
    """
    num_extra, num_others = len(positions), len(scores) - len(positions)
    if min(num_extra, num_others) == 0:
        raise UserError(f"{num_extra} of {len(scores)} samples are extra ones: both are needed")
    ranks = rankdata(scores)[positions].sum()
    return float((ranks - num_extra * (num_extra + 1) / 2) / (num_extra * num_others))


def _blocks(features: np.ndarray):
    """Windows of each sample, a third of its side, every other place."""
    sides = features.shape[1:3] if features.ndim == 4 else features.shape[1:2]
    places = [
        [slice(start, start + max(2, side // 3)) for start in range(0, side - side // 3 + 1, 2)]
        for side in sides
    ]
    for index in np.ndindex(*(len(place) for place in places)):
        yield features[(slice(None), *(place[i] for place, i in zip(places, index, strict=True)))]


def _last_inputs(dataset: Samples, fitted: Fitted) -> Float[np.ndarray, "n d"]:
    """What the last dense layer reads."""
    name = head(fitted.variables["params"])

    @jax.jit
    def read(features: jax.Array) -> jax.Array:
        seen = []

        def watch(call, args, kwargs, context):
            if context.module.name == name and len(context.module.path) == 1:
                seen.append(args[0])
            return call(*args, **kwargs)

        with nn.intercept_methods(watch):
            fitted.module.apply(fitted.variables, features, train=False)
        return jnp.asarray(seen[-1])

    parts = np.array_split(dataset.features, max(1, len(dataset.features) // 256))
    return np.concatenate([np.asarray(read(jnp.asarray(part))) for part in parts]).astype(float)
