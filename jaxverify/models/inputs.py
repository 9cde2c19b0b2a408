"""From bytes to what a network likes."""

import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8


def normalise(images: UInt8[Array, "n h w c"]) -> Float32[Array, "n h w c"]:
    """``(x / 255 - 0.5) / 0.25``: natural images get about zero mean and unit variance."""
    return (images.astype(jnp.float32) / 255 - 0.5) / 0.25
