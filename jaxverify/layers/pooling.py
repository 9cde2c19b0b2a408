"""Max-pooling with a backward pass that is fast on a CPU."""

from itertools import product

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def max_pool(x, window, strides, padding="VALID"):
    from jax import lax
    image = x.shape[1:-1]
    if window==strides and padding=="VALID" and all(n%w==0 for n,w in zip(image,window)):
        b,h,w,c=x.shape
        return x.reshape(b,h//window[0],window[0],w//window[1],window[1],c).max((2,4))
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    out = [(n + a + b - w) // s + 1
           for n, w, s, (a, b) in zip(image, window, strides, padding, strict=True)]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=-jnp.inf)
    y = None
    for tap in product(*map(range, window)):
        piece = x[(slice(None), *(slice(t, t + (o - 1) * s + 1, s)
                                  for t, o, s in zip(tap, out, strides, strict=True)))]
        y = piece if y is None else jnp.maximum(y, piece)
    return y
