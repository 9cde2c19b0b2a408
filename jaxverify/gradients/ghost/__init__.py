"""Per-sample gradient norms from one ordinary forward and backward pass (Goodfellow, 2015).

Every layer that has parameters is *tapped*: replaced by itself with one input more, ``squared``
``[n]``, on which its output does not depend. The gradient that the tap sends back to this input is
the layer's squared norms (:mod:`jaxverify.gradients.ghost.rules`), and its parameters get none. All
taps share the input, so JAX's own sum over its uses is the sum over layers.

This is right only if every parameter goes into one tap, once, as it is. That is read off the
program that JAX traces, so a weight that is shared, scaled, penalised in the loss, or used inside
a loop is found as well as one in a layer without a rule.

And it is right only if the first axis of what a tap reads counts the samples. An axis that happens
to have their number does not, so the program is traced once more, for twice as many samples: only
what counts them gets twice as long.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, jaxpr_as_fun
from jaxtyping import Array, Float32, PyTree

from jaxverify.errors import UserError
from jaxverify.gradients.ghost.rules import RULES, Pullback, Rule
from jaxverify.layers.bidirectional import by_scan

Loss = Callable[[Any, Any], Array]
Reads = list[tuple[str, tuple[int, ...]]]  # of every tap: its layer's name, its input's shape


def squared_norms(loss: Loss, params: PyTree, batch: PyTree, n: int) -> Float32[Array, " n"]:
    """Squared norms of the gradients of ``loss(params, batch)``, a value for each of n samples.

    Raises:
        UserError: if a parameter does not go into one tap, once, naming it; if a tap reads what
            does not count the samples on its first axis alone, naming its layer.
    """
    reads: Reads = []
    program = jax.make_jaxpr(partial(_tapped, loss, reads))(params, batch, _zeros(n))
    _check_parameters(program.jaxpr, params)
    _check_samples(reads, _reads_of_twice(loss, params, batch, n), n)
    # What was checked is what runs.
    run, arguments = jaxpr_as_fun(program), jax.tree.leaves((params, batch))
    return jax.grad(lambda squared: jnp.sum(run(*arguments, squared)[0]))(_zeros(n))


def _zeros(n: int) -> Float32[Array, " n"]:
    return jnp.zeros(n, jnp.float32)


def _tapped(
    loss: Loss, reads: Reads, params: PyTree, batch: PyTree, squared: Float32[Array, " n"]
) -> Array:
    """The losses, with a tap at every layer that holds any of ``params``; adds to ``reads``."""
    ours = {id(leaf) for leaf in jax.tree.leaves(params)}
    inside_tap = False

    def interceptor(
        layer: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext
    ) -> Any:
        nonlocal inside_tap
        module, rule = context.module, RULES.get(type(context.module))
        plain_call = len(args) == 1 and kwargs.keys() <= {"use_running_average"}
        if inside_tap or rule is None or context.method_name != "__call__":
            return layer(*args, **kwargs)
        if isinstance(module, nn.BatchNorm):
            _check_frozen(module, *args[1:2], kwargs.get("use_running_average"))
        found = [id(leaf) in ours for leaf in jax.tree.leaves(module.variables.get("params"))]
        # Not any: constants of the loss, such as the layers below a fine-tuned one.
        if not any(found) or not plain_call:
            return layer(*args, **kwargs)
        unbound, variables = module.unbind()
        unbound, (x,) = unbound.clone(**kwargs), args
        _check_call(_named(module), unbound, x, all(found))
        reads.append((_named(module), x.shape))
        inside_tap = True
        try:
            return _tap(rule, unbound, variables, x, squared)
        finally:
            inside_tap = False

    with nn.intercept_methods(interceptor), by_scan():
        return loss(params, batch)


def _tap(rule: Rule, module: nn.Module, variables: Any, x: Array, squared: Array) -> Array:
    @jax.custom_vjp
    def tap(variables: Any, x: Array, squared: Array) -> Array:
        return rule(module, variables, x)[0]

    def forward(variables: Any, x: Array, squared: Array) -> tuple[Array, Pullback]:
        return rule(module, variables, x)

    def backward(pull: Pullback, g: Array) -> tuple[None, Array | None, Array]:
        return None, *pull(g)

    tap.defvjp(forward, backward)
    return tap(variables, x, squared)


def _named(layer: nn.Module) -> str:
    return f"the {type(layer).__name__} {'/'.join(layer.path)!r}"


def _check_frozen(layer: nn.BatchNorm, *options: bool | None) -> None:
    if not any((layer.use_running_average, *options)):
        raise UserError(
            f"{_named(layer)} normalises by the batch, so no sample has a gradient of its own: "
            "call the model with train=False"
        )


def _check_call(name: str, layer: nn.Module, x: Array, all_ours: bool) -> None:
    if not all_ours:
        raise UserError(f"params has only some parameters of {name}: give all of a layer or none")
    last = (-1, x.ndim - 1)
    if isinstance(layer, nn.BatchNorm) and layer.axis not in last:
        raise UserError(f"{name} has axis={layer.axis}: ghost norms know the last axis alone")
    if isinstance(layer, nn.LayerNorm):
        for axes in (layer.reduction_axes, layer.feature_axes):
            if axes not in last and tuple(np.atleast_1d(axes)) not in ((-1,), (x.ndim - 1,)):
                raise UserError(f"{name} has axes {axes}: ghost norms know the last axis alone")


def _reads_of_twice(loss: Loss, params: PyTree, batch: PyTree, n: int) -> Reads:
    """What the taps read of twice as many samples; nothing is computed."""
    reads: Reads = []
    twice = jax.tree.map(lambda x: jax.ShapeDtypeStruct((2 * n, *x.shape[1:]), x.dtype), batch)
    try:
        jax.eval_shape(partial(_tapped, loss, reads), params, twice, _zeros(2 * n))
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"loss takes {n} samples but not {2 * n} ({reason}), so that it cannot be seen which "
            "axis counts them: let it take all that belongs to a sample from the batch"
        ) from error
    return reads


def _check_samples(reads: Reads, of_twice: Reads, n: int) -> None:
    if [name for name, _ in reads] != [name for name, _ in of_twice]:
        raise UserError(
            f"loss calls other layers for {2 * n} samples than for {n}, so that it cannot be seen "
            "which axis counts them: use method='vmap'"
        )
    for (name, shape), (_, doubled) in zip(reads, of_twice, strict=True):
        if (n, *shape[1:]) != shape or (2 * n, *shape[1:]) != doubled:
            raise UserError(
                f"{name} reads the shape {list(shape)} of {n} samples and {list(doubled)} of "
                f"{2 * n}: keep the samples on the first axis, or use method='vmap'"
            )


def _check_parameters(program: Jaxpr, params: PyTree) -> None:
    readers = {id(variable): [] for variable in program.invars}
    for equation in program.eqns:
        for variable in equation.invars:
            readers.get(id(variable), []).append(equation)
    # A loop or a jit may read ``squared`` too, for a tap inside.
    taps = {
        id(equation)
        for equation in readers[id(program.invars[-1])]
        if equation.primitive.name.startswith("custom_vjp_call")
    }
    named = jax.tree.leaves_with_path(params)
    for (path, _), variable in zip(named, program.invars, strict=False):
        uses = readers[id(variable)]
        name = f"params{jax.tree_util.keystr(path)}"
        # A tap's last two inputs are what the layer reads and ``squared``.
        if variable in program.outvars or not all(
            id(use) in taps and use.invars[-2] is not variable for use in uses
        ):
            known = ", ".join(sorted(layer.__name__ for layer in RULES))
            raise UserError(
                f"{name} is used outside the layers that ghost norms know ({known}), or inside a "
                "jit, loop or checkpoint: use method='vmap'"
            )
        if len(uses) > 1:
            raise UserError(
                f"{name} is used {len(uses)} times, by shared layers: use method='vmap'"
            )
