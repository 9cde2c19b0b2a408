"""Coherence: how far the gradients of single samples point the same way (eq. 7 of the paper)."""

from typing import Literal

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float32, PyTree

from jaxverify.errors import UserError
from jaxverify.gradients.norms import Batch, Loss, Method, num_samples, per_example_norms


def coherence(
    loss: Loss,
    params: PyTree,
    batch: Batch,
    method: Literal["mean", "pairs"] = "mean",
    *,
    norms: Method = "vmap",
) -> Float32[Array, ""]:
    """The mean cosine of the gradients of two different samples, eq. 7 of the paper.

    With the unit gradients u_i of n samples it is ``(|sum_i u_i|^2 - n) / (n (n - 1))``: the
    square of the sum has every pair twice, and every sample once with itself.

    - "mean" computes it so, from the norms and one gradient of the batch.
    - "pairs" averages the cosines of all pairs, for a check: its work grows with the square of n.

    Guarantee: both give the mean over all pairs of two different samples, so that of samples drawn
    independently its expectation is that of one such pair, whatever n: it is unbiased. A gradient
    that is zero has the cosine 0 with every other.

    Args:
        loss: as :func:`per_example_norms` takes it; plain, not jitted.
        params: as :func:`per_example_norms` takes it.
        batch: as :func:`per_example_norms` takes it; at least two samples.
        method: how to compute it.
        norms: of "mean": how :func:`per_example_norms` is to find the norms.

    Raises:
        UserError: as :func:`per_example_norms` does, or if there is only one sample.

    >>> loss = lambda w, x: x @ w
    >>> x = jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])  # of its three pairs one is parallel
    >>> round(float(coherence(loss, jnp.zeros(2), x)), 6)
    0.333333
    """
    n = num_samples(batch)
    if n < 2:
        raise UserError(f"coherence is about pairs of samples, and there is {n}")
    if method == "pairs":
        cosines = pairwise_cosines(loss, params, batch)
        return (jnp.sum(cosines) - jnp.trace(cosines)) / (n * (n - 1))
    if method != "mean":
        raise UserError(f"method={method!r} is unknown: choose 'mean' or 'pairs'")
    weights = inverse(per_example_norms(loss, params, batch, norms))
    sum_of_units = jax.grad(lambda params: jnp.dot(weights, loss(params, batch)))(params)
    square = optax.tree.norm(sum_of_units, squared=True).astype(jnp.float32)
    return (square - jnp.count_nonzero(weights)) / (n * (n - 1))


def pairwise_cosines(
    loss: Loss, params: PyTree, batch: Batch, *, block_size: int = 8
) -> Float32[Array, "n n"]:
    """The cosines of the gradients of every two samples.

    It holds ``2 * block_size`` gradients at a time and no matrix of n of them, at the price of
    forming each ``n / block_size`` times over: for small sets, and to check the others by.

    Guarantee: symmetric up to rounding; 1 on the diagonal; 0 where a gradient is zero, there too.

    Args:
        loss: as :func:`per_example_norms` takes it.
        params: as :func:`per_example_norms` takes it.
        batch: as :func:`per_example_norms` takes it.
        block_size: the number of samples whose gradients are formed together.

    Raises:
        UserError: as :func:`per_example_norms` does.

    >>> x = jnp.array([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> pairwise_cosines(lambda w, x: x @ w, jnp.zeros(2), x).round(3).tolist()[2]
    [0.7070000171661377, 0.7070000171661377, 1.0]
    """
    n = num_samples(batch)
    if block_size < 1:
        raise UserError(f"block_size={block_size} holds no gradient: choose 1 or more")
    size = min(block_size, n)
    # The last block is filled up with the first samples.
    filled = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[: -n % size]]), batch)
    blocks = jax.tree.map(lambda leaf: leaf.reshape(-1, size, *leaf.shape[1:]), filled)

    def unit_gradient(sample: PyTree) -> PyTree:
        alone = jax.tree.map(lambda leaf: leaf[None], sample)
        gradient = jax.grad(lambda params: loss(params, alone)[0])(params)
        return optax.tree.scale(inverse(optax.tree.norm(gradient)), gradient)

    def against(ours: PyTree, block: PyTree) -> Float32[Array, "k k"]:
        theirs = jax.vmap(unit_gradient)(block)
        products = jax.tree.map(
            lambda a, b: a.reshape(size, -1) @ b.reshape(size, -1).T, ours, theirs
        )
        return jax.tree.reduce(jnp.add, products)

    def row(block: PyTree) -> Float32[Array, "m k k"]:
        ours = jax.vmap(unit_gradient)(block)
        return lax.map(lambda other: against(ours, other), blocks)

    rows = lax.map(row, blocks)  # [block, other block, sample, other sample]
    return jnp.concatenate(jnp.concatenate(rows.swapaxes(0, 1), axis=2))[:n, :n]


def inverse(norms: Float32[Array, "..."]) -> Float32[Array, "..."]:
    """One over each norm; 0 of a norm that is 0."""
    return jnp.where(norms > 0, 1 / jnp.where(norms > 0, norms, 1), 0)
