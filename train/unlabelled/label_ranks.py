"""Labels permuted against scores: the most powerful of the tests that we tried; not offered."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

_CHUNK = 64  # permutations at once


@partial(jax.jit, static_argnames="num_permutations")
def label_rank_p_value(
    key: jax.Array,
    logits: Float32[Array, "n num_classes"],
    labels: Int[Array, " n"],
    epsilon: float = 0.0,
    num_permutations: int = 999,
) -> Float32[Array, ""]:
    """The probability of labels scored so high, or higher, were they in any other order.

    For each class the samples are ranked by its log-probability, and the ranks that the labels
    point to are summed, as for an AUC: a preference of the model for a class, common to all
    samples, hides nothing. Permutes and counts as :func:`jaxverify.stats.permutation_p_value`.

    Args:
        key: for the permutations; independent of the key that drew the labels.
        logits: of the extra samples.
        labels: of them, in [0, num_classes).
        epsilon: the share of the odds against a label that may be gone before convergence: what
            is left of the logits when that is taken off tells nothing of the labels.
        num_permutations: R; no p-value is smaller than 1 / (1 + R).

    Guarantee: where every order of the labels is equally likely given what is left of the logits,
    p_value <= alpha has a probability of at most alpha, also where that is constant.
    """
    own = jax.nn.one_hot(labels, logits.shape[1])
    scores = jax.nn.log_softmax(logits + jnp.log1p(-epsilon) * own, axis=-1)
    ranks = jax.vmap(_twice_the_ranks, in_axes=1)(scores)
    samples = jnp.arange(labels.shape[0])
    observed = ranks[labels, samples].sum()

    def sums(chunk: Int[Array, ""]) -> Int[Array, " chunk"]:
        shape = (_CHUNK, labels.shape[0])
        draws = jax.random.bits(jax.random.fold_in(key, chunk), shape, jnp.uint32)
        orders = labels[jnp.argsort(draws, axis=1)]
        return jax.vmap(lambda order: ranks[order, samples].sum())(orders)

    chunks = jnp.arange(-(-num_permutations // _CHUNK))
    permuted = jax.lax.map(sums, chunks).reshape(-1)[:num_permutations]
    return (1 + jnp.sum(permuted >= observed)) / jnp.float32(1 + num_permutations)


def _twice_the_ranks(scores: Float32[Array, " n"]) -> Int[Array, " n"]:
    """Integers, so that sums over any order of equal ones are equal; ties share the mean rank."""
    ordered = jnp.sort(scores)
    below, upto = (jnp.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    return below + upto + 1
