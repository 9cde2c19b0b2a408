"""Parts of an extra task, each for one attempt: who has seen one knows nothing of the others."""

import jax
import numpy as np
from jaxtyping import Int

from jaxverify.errors import UserError
from jaxverify.record.shard import Shard


def shard_indices(
    key: jax.Array, labels: Int[np.ndarray, " n"], shard: Shard
) -> Int[np.ndarray, " m"]:
    """The samples of one part, ascending.

    Args:
        key: the same for all parts.
        labels: of the whole extra task, in [0, num_classes).
        shard: which part.

    Raises:
        UserError: if there is no such part, or it would be empty.

    Guarantee: each sample is in one part; which, is drawn at random; and two parts differ by at
    most one in their size, and in how often they have a label.

    >>> labels = np.array([0, 1] * 4)
    >>> shard_indices(jax.random.key(0), labels, Shard(1, 1)).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7]
    """
    number, of = shard
    if not 1 <= number <= of:
        raise UserError(f"the shard is {shard}; it is J/K with 1 <= J <= K")
    if of > len(labels):
        raise UserError(f"the shard is {shard}, of {len(labels)} samples")
    drawn = np.asarray(jax.random.permutation(key, len(labels)))
    # Dealt out like cards, one label after the other.
    dealt = drawn[np.argsort(labels[drawn], kind="stable")]
    return np.sort(dealt[number - 1 :: of])
