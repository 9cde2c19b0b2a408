"""What a cloud is: a function from a training set to a model that answers."""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax

from jaxverify.task.samples import Samples
from jaxverify.training.inference import Predict


class Budget(NamedTuple):
    """What the customer has paid for.

    Attributes:
        epochs: how often an honest cloud goes through the training set.
        num_classes: C.
        num_extra: N, which a cloud is not told; a cheat is given it all the same, so that the
            detectors are measured at their best.
        batch_size: samples per step.
        learning_rate: Adam's.
    """

    epochs: float | int
    num_classes: int
    num_extra: int
    batch_size: int = 64
    learning_rate: float = 1e-3


class Returned(NamedTuple):
    """What comes back from a cloud.

    Attributes:
        predict: ``predict(features) -> logits [n, num_classes]``, on the host.
        cost: what the cloud computed, in forward passes of one sample: a forward pass is 1, a
            training step on one sample 3 (the backward pass is about two forward ones). The
            detectors' own arithmetic is left out where it passes nothing through a network.
    """

    predict: Predict
    cost: float


Cloud = Callable[[Samples, nn.Module, Budget, jax.Array], Returned]
