"""Layers the models share: Flax's own definitions, lowered to be fast on the backend at hand.

On a CPU they are for reverse mode: through ``Conv`` by patches or Winograd's algorithm, ``LSTM``
and ``ConvMaxOverTime``, which bring gradients of their own, JAX refuses ``jax.jvp``, and so
``jax.jacfwd`` and ``jax.hessian`` ("can't apply forward-mode autodiff (jvp) to a custom_vjp
function"). A ``jax.grad`` of a ``jax.grad`` works everywhere.
"""

from jaxverify.layers.bidirectional import bidirectional
from jaxverify.layers.convolution import Conv, conv
from jaxverify.layers.lstm import LSTM
from jaxverify.layers.max_over_time import ConvMaxOverTime
from jaxverify.layers.pooling import max_pool

__all__ = ["LSTM", "Conv", "ConvMaxOverTime", "bidirectional", "conv", "max_pool"]
