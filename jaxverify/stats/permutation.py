"""An exact test that answers and labels are related, which assumes no probability of guessing."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int

from jaxverify.errors import UserError
from jaxverify.stats.forgiven import num_forgiven

_CHUNK = 64  # permutations at once: bounds the memory; larger chunks are no faster on a CPU


@partial(jax.jit, static_argnames=("num_permutations", "epsilon"))
def permutation_p_value(
    key: jax.Array,
    predictions: Int[Array | np.ndarray, " n"],
    labels: Int[Array | np.ndarray, " n"],
    num_permutations: int = 9_999,
    epsilon: float = 0.03,
) -> Float32[Array, ""]:
    """The probability of so many matches, were no more than the share epsilon memorised.

    Permutes the labels against the fixed predictions R times and counts the matches each time;
    p = (1 + #{permutations with at least the observed matches, less 2k}) / (1 + R), where k =
    floor(epsilon * N) samples are forgiven. Each of these counts twice: its own match is taken
    off, and one more, as an order of the others may have so many more matches than one of all.
    (Leave a sample out of an order and join its neighbours, and one new pair may match.)

    Runs under :func:`jax.vmap`: with one key the predictions of many models are judged by the
    same permutations, drawn once; each p-value is then valid by itself, and they are dependent.

    Args:
        key: for the permutations; independent of the key that drew the labels.
        predictions: the answers; one that is no class, such as -1, matches nothing.
        labels: in [0, num_classes).
        num_permutations: R; no p-value is smaller than 1 / (1 + R).
        epsilon: ε, the share of extra samples that may be known before convergence, in [0, 1).

    Raises:
        UserError: if num_permutations is below 1, epsilon is out of its range, or predictions and
            labels differ in number.

    Guarantee: where at most the share epsilon of the labels is known, and every order of the
    others is equally likely given the predictions, p_value <= alpha has a probability of at most
    alpha, for every alpha and R. The p-value of a constant answer is 1.

    >>> labels = jnp.arange(100) % 2
    >>> round(float(permutation_p_value(jax.random.key(0), labels, labels)), 6)  # all right
    0.0001
    >>> float(permutation_p_value(jax.random.key(0), jnp.zeros(100, int), labels))  # constant
    1.0
    """
    if num_permutations < 1:
        raise UserError(f"num_permutations is {num_permutations}; at least 1 is needed")
    if predictions.shape != labels.shape:
        raise UserError(f"predictions are {predictions.shape}, but labels {labels.shape}")
    num_samples = labels.shape[0]
    observed = jnp.sum(predictions == labels) - 2 * num_forgiven(epsilon, num_samples)

    # Each label draws a number, and its rank among all draws is the answer it is put beside.
    # With the answers in ascending order, those that equal the label fill the slots from `first`
    # up to `last`: the label matches when its draw lies between the draws ranked so. This sorts
    # plain numbers, where jax.random.permutation sorts pairs, four times as slowly on a CPU.
    # Draws of 32 bits tie at a slot's edge in fewer than one of 10,000 permutations.
    answers = jnp.sort(predictions)
    first = jnp.searchsorted(answers, labels, side="left")
    last = jnp.searchsorted(answers, labels, side="right")

    def matches(chunk: Int[Array, ""]) -> Int[Array, " chunk"]:
        draws = jax.random.bits(jax.random.fold_in(key, chunk), (_CHUNK, num_samples), jnp.uint32)
        beyond = np.full((_CHUNK, 1), 2**32 - 1, np.uint32)
        ranked = jnp.concatenate([jnp.sort(draws, axis=1), beyond], axis=1)
        return jnp.sum((ranked[:, first] <= draws) & (draws < ranked[:, last]), axis=1)

    chunks = jnp.arange(-(-num_permutations // _CHUNK))
    permuted = jax.lax.map(matches, chunks).reshape(-1)[:num_permutations]
    return (1 + jnp.sum(permuted >= observed)) / jnp.float32(1 + num_permutations)
