"""How the training set reaches the steps: from the host, one by one, or on the device, many a call.

On a CPU the host gathers every batch and calls one step. On a GPU or TPU the host would be waited
for between short steps: there the set lives on the devices, an epoch's order is drawn and gathered
there, and one call scans over many steps.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jaxverify import Samples
from train.mesh import DataMesh
from train.seeds import SeedsStep, take
from train.state import State
from train.training_set import epoch_order

LONGEST_SCAN = 200  # steps; the host acts on Ctrl-C between two calls, within a second or so
_SHARE_OF_MEMORY = 0.25  # that the training sets may take of a device's

Losses = Float[Array, "steps seeds"]


class Recipe(NamedTuple):
    """What every feed needs to know of a run.

    Attributes:
        train_step: of all seeds, as :func:`train.seeds.side_by_side` returns it.
        data: the training set of each seed, all of one size.
        step_keys: of the steps' randomness, stacked.
        order_keys: of each seed's order of the samples.
        batch_size: over all devices.
        stops: the steps after which the host looks at the state, the last one among them.
    """

    train_step: SeedsStep
    data: Sequence[Samples]
    step_keys: Array
    order_keys: Sequence[Array]
    batch_size: int
    stops: Collection[int]

    @property
    def num_samples(self) -> int:
        """Of each seed's training set."""
        return len(self.data[0].labels)

    @property
    def steps_per_epoch(self) -> int:
        """What does not fill a batch is left out, of each epoch others."""
        return self.num_samples // self.batch_size


class Feed(Protocol):
    """Takes the steps of a run.

    Guarantee: whichever feed takes them, a run's steps see the same samples in the same order under
    the same keys, and end with the same parameters up to rounding.
    """

    def advance(self, states: State, step: int) -> tuple[State, Losses]:
        """Take one step or more from ``step`` on, none beyond the next stop.

        Returns:
            tuple: the states, and the loss of every step taken. The old states are used up.
        """
        ...


def train_iter(
    feed: Feed, states: State, first_step: int, last_step: int, evaluation_steps: Collection[int]
) -> Iterator[tuple[int, State, Losses]]:
    """Take the steps of a run, and stop to look at it after each call.

    Args:
        feed: takes the steps.
        states: after ``first_step`` steps; used up.
        first_step: steps taken before.
        last_step: of the run.
        evaluation_steps: after which the training metrics are counted anew.

    Yields:
        The number of steps taken, the states then, and the losses of those taken last. The states
        are used up by the next step.
    """
    step = first_step
    while step < last_step:
        states, losses = feed.advance(states, step)
        step += len(losses)
        yield step, states, losses
        if step in evaluation_steps:
            states = states.with_empty_tally()


def choose_feed(mesh: DataMesh, recipe: Recipe) -> Feed:
    """The feed that suits the backend, and the memory of the devices."""
    if jax.default_backend() != "cpu" and _fits(recipe.data):
        return DeviceFeed(mesh, recipe)
    return HostFeed(mesh, recipe)


def _fits(data: Sequence[Samples]) -> bool:
    needed = sum(np.asarray(array).nbytes for samples in data for array in samples)
    limits = [(each.memory_stats() or {}).get("bytes_limit", 0) for each in jax.local_devices()]
    return needed <= _SHARE_OF_MEMORY * min(limits)


class HostFeed:
    """Gathers each batch on the host; one call a step."""

    def __init__(self, mesh: DataMesh, recipe: Recipe) -> None:
        """Jit the step."""
        self._mesh, self._recipe = mesh, recipe
        self._train_step = mesh.jit_train(partial(_one_step, recipe.train_step))
        self._orders = lru_cache(maxsize=1)(
            lambda epoch: [epoch_order(k, epoch, recipe.num_samples) for k in recipe.order_keys]
        )

    def advance(self, states: State, step: int) -> tuple[State, Losses]:
        """Take one step."""
        recipe = self._recipe
        epoch, position = divmod(step, recipe.steps_per_epoch)
        rows = slice(position * recipe.batch_size, (position + 1) * recipe.batch_size)
        batches = [
            take(samples, self._mesh.share(order[rows]))
            for samples, order in zip(recipe.data, self._orders(epoch), strict=True)
        ]
        return self._train_step(states, self._mesh.put(batches), recipe.step_keys)


def _one_step(
    train_step: SeedsStep, states: State, batches: Sequence[Samples], keys: Array
) -> tuple[State, Losses]:
    states, losses = train_step(states, batches, keys)
    return states, losses[None]


class DeviceFeed:
    """Keeps the training sets on the devices; one call scans over many steps.

    Two programs serve a run, one of many steps and, where its stops ask for it, one of a single.
    """

    def __init__(self, mesh: DataMesh, recipe: Recipe) -> None:
        """Move the training sets to the devices."""
        self._recipe, self._data = recipe, mesh.replicate(list(recipe.data))
        epoch_ends = range(0, max(recipe.stops), recipe.steps_per_epoch)[1:]
        self._stops = np.unique([*recipe.stops, *epoch_ends])
        self._length = scan_length(self._stops)
        self._scan = jax.jit(
            partial(_scan, mesh, recipe.train_step, recipe.batch_size),
            static_argnums=0,
            in_shardings=mesh.replicated,
            out_shardings=mesh.replicated,
            donate_argnums=1,
        )
        draw = jax.jit(
            lambda keys, epoch: [
                jax.random.permutation(jax.random.fold_in(key, epoch), recipe.num_samples)
                for key in keys
            ],
            out_shardings=mesh.replicated,
        )
        self._orders = lru_cache(maxsize=1)(
            lambda epoch: draw(list(recipe.order_keys), np.int32(epoch))
        )

    def advance(self, states: State, step: int) -> tuple[State, Losses]:
        """Take as many steps as a scan has, or one where fewer are left until the next stop."""
        recipe = self._recipe
        epoch, position = divmod(step, recipe.steps_per_epoch)
        left = self._stops[np.searchsorted(self._stops, step, side="right")] - step
        count = self._length if left >= self._length else 1
        start = np.int32(position * recipe.batch_size)
        return self._scan(count, states, self._data, self._orders(epoch), start, recipe.step_keys)


def _scan(
    mesh: DataMesh,
    train_step: SeedsStep,
    batch_size: int,
    count: int,
    states: State,
    data: Sequence[Samples],
    orders: Sequence[Int[Array, " n"]],
    start: Int[Array, ""],
    keys: Array,
) -> tuple[State, Losses]:
    """``count`` steps from row ``start`` of the epoch's orders on."""
    rows = [
        lax.dynamic_slice_in_dim(order, start, count * batch_size).reshape(count, batch_size)
        for order in orders
    ]

    def step(states: State, rows: Sequence[Int[Array, " b"]]) -> tuple[State, Array]:
        batches = [take(samples, each) for samples, each in zip(data, rows, strict=True)]
        return train_step(states, lax.with_sharding_constraint(batches, mesh.split), keys)

    return lax.scan(step, states, rows)


def scan_length(stops: Collection[int]) -> int:
    """The number of steps a call with which a run that pauses at ``stops`` needs the fewest calls.

    What is left of a piece between two stops is taken step by step.

    >>> scan_length([393, 786, 1179]), scan_length([39, 78, 118])
    (131, 39)
    """
    pieces = np.diff(sorted(stops), prepend=0)
    lengths = np.arange(1, LONGEST_SCAN + 1)
    calls = pieces[:, None] // lengths + pieces[:, None] % lengths
    return int(lengths[calls.sum(axis=0).argmin()])
