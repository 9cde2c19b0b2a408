"""How many floating point operations a training step takes by the definition of its layers."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import jaxprs_in_params


def of_training_step(forward: Callable[..., Any], *arguments: Any) -> int:
    """Three times those of the forward pass's products: the backward pass has two for each.

    That is the field's way to count; the gradient by the input of the first layer, which nobody
    takes, is counted too. An algorithm that needs fewer multiplications than the definition, such
    as Winograd's, may so reach more than the peak.

    Args:
        forward: the network, made of plain convolutions, matrix products and scans.
        arguments: of ``forward``; their shapes alone count.
    """
    return 3 * _of(jax.make_jaxpr(forward)(*arguments).jaxpr)


def _of(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        if name == "dot_general":
            (contracted, _), _ = params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += _products(equation, math.prod(shape[axis] for axis in contracted))
        elif name == "conv_general_dilated":
            shape = equation.invars[1].aval.shape
            features = shape[params["dimension_numbers"].rhs_spec[0]]
            total += _products(equation, math.prod(shape) // features)
        else:
            inner = jaxprs_in_params(params)
            total += params.get("length", 1) * sum(map(_of, inner))
    return total


def _products(equation: Any, terms: int) -> int:
    return 2 * terms * math.prod(equation.outvars[0].aval.shape)
