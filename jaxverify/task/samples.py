"""The one container for training data: features beside labels."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int, Shaped

# Of text: id 0 pads, id 1 stands for a word outside the vocabulary, words begin at id 2.
NUM_RESERVED_TOKENS = 2


class Samples(NamedTuple):
    """Labelled samples, a pytree of two arrays on the host or on a device.

    Attributes:
        features: images uint8 ``[n, height, width, channels]``, text as int32 token ids
            ``[n, max_length]``, or vectors float32 ``[n, d]``.
        labels: int32 ``[n]``, each in ``[0, num_classes)``.
    """

    features: Shaped[jax.Array | np.ndarray, "n ..."]
    labels: Int[jax.Array | np.ndarray, " n"]
