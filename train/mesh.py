"""The devices of a run, of all its processes, as one mesh.

The batch is split over it, the state stands on each device. A process reads, of every batch, only
the rows for its own devices. Which rows these are is drawn from the whole shuffled set, so that the
losses do not depend on how many processes there are: over the epochs any process may need any row.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxverify.errors import UserError
from jaxverify.task.samples import Samples

_Batch = TypeVar("_Batch", Samples, list[Samples])


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

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Of a batch's rows, ``[n, ...]``, those that belong on this process's devices.

        Guarantee: every row belongs to one process; of a run of one process, all are its own.
        """
        parts = self.split.addressable_devices_indices_map((len(rows),)).values()
        starts = sorted(part[0].indices(len(rows)) for part in parts if part)
        return np.concatenate([rows[start:stop] for start, stop, _ in starts])

    def put(self, batch: _Batch) -> _Batch:
        """A batch, or one of each seed, split over the devices, from this process's share of it."""
        return jax.make_array_from_process_local_data(self.split, batch)

    def replicate(self, tree: Any) -> Any:
        """A copy of every array on each device; all processes must have the same arrays."""
        return jax.make_array_from_process_local_data(self.replicated, tree)

    def local(self, tree: Any) -> Any:
        """Of arrays that stand on each device, the copies on one device of this process."""
        return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)

    def meet(self) -> None:
        """Open the connections between all devices; every process must call it.

        JAX gives up where a process is 30 seconds late for it, as one may be that compiles longer.
        """
        own = np.ones(self.size // jax.process_count(), np.int32)
        everywhere = jax.make_array_from_process_local_data(self.split, own)
        jax.jit(jnp.sum, out_shardings=self.replicated)(everywhere).block_until_ready()

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Jit a function of arrays that stand on each device, to others that do."""
        return jax.jit(function, out_shardings=self.replicated)

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
