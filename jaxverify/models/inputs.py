"""From bytes to what a network likes."""

import jax.numpy as jnp
from jaxtyping import Array, Float32, UInt8


def normalise(images: UInt8[Array, "b h w c"]) -> Float32[Array, "b h w c"]:
    """Maps a byte to ``(x / 255 - 0.5) / 0.25``: about zero mean, unit variance."""
    return (images.astype(jnp.float32) / 255 - 0.5) / 0.25
