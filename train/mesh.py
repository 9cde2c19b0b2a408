"""The devices of a run as one mesh: the batch is split over it, the state stands on each."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxverify.errors import UserError
from jaxverify.samples import Samples


class DataMesh:
    """All devices along one axis, "data".

    The axis is Auto: under Explicit axes, JAX's default, vmap of a gradient through a convolution
    is refused.
    """

    def __init__(self, devices: Sequence[Any] | None = None) -> None:
        """Take ``devices``, or all there are."""
        devices = jax.devices() if devices is None else devices
        self.size = len(devices)
        mesh = jax.make_mesh((self.size,), ("data",), (AxisType.Auto,), devices=devices)
        self.replicated = NamedSharding(mesh, PartitionSpec())
        self.split = NamedSharding(mesh, PartitionSpec("data"))

    def check_batch(self, name: str, size: int) -> None:
        """Raise a UserError where a batch of ``size`` cannot be split evenly."""
        if size % self.size:
            raise UserError(f"{name} is {size}, not a multiple of the {self.size} devices")

    def put(self, batch: Samples) -> Samples:
        """A batch from the host, split over the devices."""
        return jax.device_put(batch, self.split)

    def replicate(self, tree: Any) -> Any:
        """A copy of every array on each device."""
        return jax.device_put(tree, self.replicated)

    def jit_train(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        """Jit ``train_step(state, batch, key)``; the old state's memory is given to the new."""
        shardings = (self.replicated, self.split, self.replicated)
        return jax.jit(
            train_step, in_shardings=shardings, out_shardings=self.replicated, donate_argnums=0
        )

    def jit_eval(self, eval_step: Callable[..., Any]) -> Callable[..., Any]:
        """Jit ``eval_step(state, batch)``."""
        shardings = (self.replicated, self.split)
        return jax.jit(eval_step, in_shardings=shardings, out_shardings=self.replicated)
