"""The gradients of one task's samples, measured once, so that all questions can be asked of them.

Sums of the gradients of a few chunks of samples, their inner products, and the norms of the single
gradients are enough for the norm of the whole, of random subsets, the coherence, and intervals by
resampling chunks; and they take a few ordinary passes over the samples.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Float32, Int, PyTree, Shaped

from jaxverify.errors import UserError
from jaxverify.gradients.coherence import inverse
from jaxverify.gradients.norms import Method, per_example_norms
from jaxverify.task.samples import Samples, as_samples
from jaxverify.verification.trained_model import TrainedModel

SampleLoss = Callable[[Array, Array], Array]
cross_entropy: SampleLoss = optax.softmax_cross_entropy_with_integer_labels


class Chunks(NamedTuple):
    """Sums of gradients over chunks of the samples.

    Attributes:
        total: the sum over all samples, in the structure of the parameters.
        gram: inner products of the chunks' sums.
    """

    total: PyTree
    gram: Float[np.ndarray, "chunks chunks"]


@dataclass(frozen=True)
class TaskGradients:
    """What was measured of a task's m samples.

    Attributes:
        norms: of each sample's gradient, in the order of the samples.
        sizes: the number of samples in each chunk: the samples are cut into chunks in their order.
        plain: sums of the gradients g.
        unit: sums of the unit gradients ``g / |g|``; of a zero gradient, of zero.
    """

    norms: Float32[np.ndarray, " m"]
    sizes: Int[np.ndarray, " chunks"]
    plain: Chunks
    unit: Chunks


def task_gradients(
    model: TrainedModel,
    samples: Samples | Sequence[Any],
    *,
    num_chunks: int = 25,
    batch_size: int = 128,
    loss: SampleLoss = cross_entropy,
    method: Method = "ghost",
) -> TaskGradients:
    """Measure the gradients of ``samples`` at the model's parameters, batch statistics frozen.

    It takes one pass for the norms and two for the sums. Called again with another checkpoint of
    one run, nothing is compiled anew.

    Guarantee: sums, norms and inner products are those of a loop of ``jax.grad`` over the samples,
    up to rounding, whatever ``batch_size``. At most ``2 num_chunks`` gradients are held at a
    time, and no gradients of single samples by "ghost".

    Args:
        model: ``model.variables["params"]`` is what to differentiate by.
        samples: of one task, in random order: chunks are taken as equals.
        num_chunks: 25 in the paper's Figure 5.
        batch_size: samples in a pass.
        loss: ``(logits, labels) -> [n]``, hashable.
        method: how :func:`jaxverify.gradients.per_example_norms` finds the norms.

    Raises:
        UserError: if there are fewer than two chunks, or fewer samples than chunks.
    """
    samples = as_samples(samples, "samples")
    m = len(samples.labels)
    if not 2 <= num_chunks <= m:
        raise UserError(f"num_chunks is {num_chunks}; of {m} samples it may be 2 to {m}")
    if batch_size < 1:
        raise UserError(f"batch_size is {batch_size}; it is at least 1")
    sizes = np.full(num_chunks, m // num_chunks)
    sizes[: m % num_chunks] += 1
    # All passes have one shape, so that each function is compiled once.
    passes = math.ceil(sizes[0] / batch_size)
    batch_size = math.ceil(sizes[0] / passes)
    of_batch = partial(_norms, model.apply, loss, method, model.variables)
    batches = _batches(samples, np.arange(m), batch_size)
    norms = np.concatenate([np.asarray(of_batch(batch))[: len(rows)] for batch, rows in batches])

    def chunks(weights: Float32[np.ndarray, " m"]) -> Chunks:
        def part(batch: Samples, rows: Int[np.ndarray, " k"]) -> PyTree:
            weight = np.zeros(batch_size, np.float32)
            weight[: len(rows)] = weights[rows]
            return _weighted_gradient(model.apply, loss, model.variables, batch, weight)

        sums = [
            reduce(_add, (part(*some) for some in _batches(samples, rows, batch_size)))
            for rows in np.split(np.arange(m), np.cumsum(sizes)[:-1])
        ]
        return Chunks(reduce(_add, sums), _gram(sums))

    return TaskGradients(
        norms,
        sizes,
        plain=chunks(np.ones_like(norms)),
        unit=chunks(np.asarray(inverse(jnp.asarray(norms)))),
    )


def dot(a: PyTree, b: PyTree) -> float:
    """The inner product of two gradients."""
    return float(_dot(a, b))


def _batches(
    samples: Samples, rows: Int[np.ndarray, " k"], size: int
) -> Iterator[tuple[Samples, Int[np.ndarray, " n"]]]:
    """Batches of one size and their rows; samples beyond these fill the last up."""
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        filled = np.concatenate([some, np.repeat(some[:1], size - len(some))])
        yield Samples(samples.features[filled], samples.labels[filled]), some


def _gram(sums: list[PyTree]) -> Float[np.ndarray, "chunks chunks"]:
    """All inner products, parameter by parameter: each is read once, not once for every pair."""
    leaves = zip(*map(jax.tree.leaves, sums), strict=True)
    return np.sum([np.asarray(_products(one), np.float64) for one in leaves], axis=0)


@jax.jit
def _products(arrays: tuple[Array, ...]) -> Float32[Array, "chunks chunks"]:
    rows = jnp.stack([array.reshape(-1) for array in arrays])
    return rows @ rows.T


@partial(jax.jit, static_argnums=(0, 1, 2))
def _norms(
    apply: Any, loss: SampleLoss, method: Method, variables: Any, batch: Samples
) -> Float32[Array, " n"]:
    def of_samples(params: PyTree, batch: Samples) -> Shaped[Array, " n"]:
        logits = apply({**variables, "params": params}, batch.features)
        return loss(logits, jnp.asarray(batch.labels))

    return per_example_norms(of_samples, variables["params"], batch, method)


@partial(jax.jit, static_argnums=(0, 1))
def _weighted_gradient(
    apply: Any, loss: SampleLoss, variables: Any, batch: Samples, weights: Float32[Array, " n"]
) -> PyTree:
    def weighted(params: PyTree) -> Array:
        logits = apply({**variables, "params": params}, batch.features)
        return jnp.dot(weights, loss(logits, jnp.asarray(batch.labels)))

    return jax.grad(weighted)(variables["params"])


_add = jax.jit(optax.tree.add)
_dot = jax.jit(optax.tree.vdot)
