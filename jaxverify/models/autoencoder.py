"""An autoencoder for small images: it learns without labels."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, Float32, UInt8

from jaxverify.models.inputs import denormalise, normalise


class Autoencoder(nn.Module):
    """Dense layers down to a code of a few numbers, and up again to the image.

    What the narrow code loses of noise can only be made up for by memorising it.

    Attributes:
        width: of the two hidden layers on either side of the code; None leaves them out, and what
            is left, linear, memorises next to nothing.
        code: numbers in the code.
        dtype: of the computation; parameters and the last layer are float32.
    """

    width: int | None = 512
    code: int = 16
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: UInt8[Array, "n h w c"], train: bool = False
    ) -> Float32[Array, "n h w c"]:
        """Images made from their codes, in units of a byte; nothing depends on ``train``."""
        shape = x.shape
        flat = self._hidden(normalise(x).reshape(shape[0], -1))
        code = nn.Dense(self.code, dtype=self.dtype, name="code")(flat)
        pixels = nn.Dense(math.prod(shape[1:]), dtype=jnp.float32, name="pixels")
        return denormalise(jnp.reshape(pixels(self._hidden(code)), shape))

    def _hidden(self, x: Float[Array, "n d"]) -> Float[Array, "n e"]:
        for _ in range(0 if self.width is None else 2):
            x = nn.relu(nn.Dense(self.width or 0, dtype=self.dtype)(x))
        return x
