"""From bytes to what a network likes, and back."""

import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8


def normalise(images: UInt8[Array, "n h w c"]) -> Float32[Array, "n h w c"]:
    """``(x / 255 - 0.5) / 0.25``: natural images get about zero mean and unit variance."""
    return (images.astype(jnp.float32) / 255 - 0.5) / 0.25


def denormalise(images: Float32[Array, "n h w c"]) -> Float32[Array, "n h w c"]:
    """The inverse of :func:`normalise`, but for the rounding to bytes.

    >>> denormalise(normalise(jnp.full((1, 1, 1, 1), 51, jnp.uint8))).round().item()
    51.0
    """
    return (images * 0.25 + 0.5) * 255
