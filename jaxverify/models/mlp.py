"""A multilayer perceptron for tables."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32


class MLP(nn.Module):
    """Standardised columns, two hidden layers, ReLU.

    The columns are standardised by what the network is trained on, running means over the batches,
    as customers standardise theirs: the extra samples count among it.

    Attributes:
        num_classes: C.
        width: of each hidden layer.
        dropout: the share of each hidden layer that is left out in training.
        dtype: of the computation; parameters and the last layer are float32.
    """

    num_classes: int
    width: int = 256
    dropout: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float32[Array, "n d"], train: bool = False
    ) -> Float32[Array, "n num_classes"]:
        """Logits of rows of numbers; with ``train`` they are standardised by their own batch."""
        standardised = nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            use_bias=False,
            use_scale=False,
            dtype=self.dtype,
        )
        x = standardised(x)
        for _ in range(2):
            x = nn.relu(nn.Dense(self.width, dtype=self.dtype)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.num_classes, dtype=jnp.float32)(x)
