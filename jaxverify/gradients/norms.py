"""Gradients of single samples, of which a batch gradient is only the mean."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float32, PyTree, Shaped

from jaxverify.errors import UserError

Loss = Callable[[Any, Any], Array]
Method = Literal["vmap", "ghost"]
Batch = PyTree[Shaped[Any, "n ..."]]


def per_example_norms(
    loss: Loss,
    params: PyTree,
    batch: Batch,
    method: Method = "vmap",
    *,
    microbatch_size: int = 8,
) -> Float32[Array, " n"]:
    """The Euclidean norm of every sample's own gradient, ``|d loss_i / d params|``.

    - "vmap" forms the gradients, ``microbatch_size`` at a time, and works for any loss.
    - "ghost" makes one forward and one backward pass over the whole batch, in which every layer
      finds its samples' norms from what it read and from the gradient that comes back to it
      (:mod:`jaxverify.gradients.ghost`). No weight gradient is formed, which makes it about as
      quick as one gradient of the batch's mean loss. It knows the layers of Flax models built from
      ``nn.Dense``, ``nn.Embed``, ``nn.LayerNorm``, frozen ``nn.BatchNorm`` and
      :mod:`jaxverify.layers`.

    Run it under ``jax.jit``; ``loss`` itself must be plain, not jitted, for "ghost" to see into.

    Guarantee: the norms are those of a loop of ``jax.grad`` over the samples, up to rounding, and
    of "ghost" within 1e-4 of "vmap", or 2e-2 in bfloat16; a parameter that "ghost" would miss, or
    count wrongly, is refused by name, and so is a layer that reads the samples on another axis than
    the first.

    Args:
        loss: ``(params, batch) -> [n]``, a value for each sample that depends on no other
            sample: BatchNorm with frozen statistics, no dropout. It takes any number of samples,
            and leaves them in their order.
        params: what to differentiate by, such as Flax's collection "params". What ``loss`` closes
            over is constant.
        batch: arrays whose first axis counts the samples.
        method: how to compute them.
        microbatch_size: of "vmap": the number of gradients held at a time.

    Raises:
        UserError: if the batch's leaves disagree on n, if ``loss`` does not return ``[n]``, or if
            "ghost" meets a layer or a use of a parameter that it has no rule for, or cannot see
            that a layer reads the samples on its first axis.

    >>> loss = lambda w, batch: batch["x"] @ w
    >>> batch = {"x": jnp.array([[3.0, 4.0], [0.0, 2.0]])}
    >>> per_example_norms(loss, jnp.zeros(2), batch).tolist()
    [5.0, 2.0]
    """
    n = num_samples(batch)
    if method == "vmap":
        return _by_vmap(loss, params, batch, n, microbatch_size)
    if method == "ghost":
        # Only here, since its rules are about Flax's layers, which the core does not load.
        from jaxverify.gradients import ghost

        return jnp.sqrt(ghost.squared_norms(_checked(loss), params, batch, n))
    raise UserError(f"method={method!r} is unknown: choose 'vmap' or 'ghost'")


def _by_vmap(loss: Loss, params: PyTree, batch: Batch, n: int, size: int) -> Float32[Array, " n"]:
    if size < 1:
        raise UserError(f"microbatch_size={size} holds no gradient: choose 1 or more")
    size = min(size, n)
    of_one = _checked(loss)

    def norm(sample: PyTree) -> Float32[Array, ""]:
        alone = jax.tree.map(lambda leaf: leaf[None], sample)
        gradient = jax.grad(lambda params: of_one(params, alone)[0])(params)
        return optax.tree.norm(gradient).astype(jnp.float32)

    # The last microbatch is filled up with the first samples: one program serves all.
    filled = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[: -n % size]]), batch)
    return optax.microbatching.micro_vmap(norm, microbatch_size=size)(filled)[:n]


def num_samples(batch: PyTree) -> int:
    """n, the common length of the batch's arrays.

    Raises:
        UserError: if they have none.
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(batch)]
    sizes = {shape[0] for shape in shapes if shape}
    if len(sizes) != 1 or 0 in sizes or () in shapes:
        raise UserError(
            f"the batch's arrays have the shapes {shapes}: give all the same first axis, "
            "the samples, 1 or more"
        )
    return sizes.pop()


def _checked(loss: Loss) -> Loss:
    def checked(params: PyTree, batch: PyTree) -> Array:
        losses, n = loss(params, batch), num_samples(batch)
        if jnp.shape(losses) != (n,):
            raise UserError(
                f"loss returned the shape {list(jnp.shape(losses))} for {n} samples: return one "
                f"value a sample, the shape [{n}], and no mean"
            )
        return losses

    return checked
