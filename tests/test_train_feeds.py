"""The two ways to the steps of a run: from the host one by one, on the device many a call."""

import signal
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices import on_one_device
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import Samples
from jaxverify.runs import load_variables
from train import feeds, tabular
from train.feeds import DeviceFeed, HostFeed, Recipe, choose_feed, scan_length
from train.mesh import DataMesh
from train.run_folder import RunFolder

OPTIONS = ["--extra", "--epochs", "4", "--batch-size", "64", "--eval-batch-size", "112"]
OPTIONS += ["--eval-every", "1.5", "--probe-every", "0.4", "--learning-rate", "5e-3"]


def train(workdir: Path, feed: type, *arguments: str) -> int:
    """A run in this process, whose steps ``feed`` takes, as a GPU would choose it."""
    with mock.patch("train.loop.choose_feed", feed):
        return tabular.run([*OPTIONS, "--workdir", str(workdir), *arguments])


def variables(workdir: Path) -> list[np.ndarray]:
    step = RunFolder(workdir).saved_step()
    assert step is not None
    return jax.tree.leaves(jax.device_get(load_variables(workdir / "checkpoints", step)))


def tell_what_is_seen(states, batches, keys):
    """A step whose losses tell the samples, their order, the key and the number of the step."""
    order = jnp.arange(1, len(batches[0].labels) + 1)
    losses = [batch.labels @ order + jnp.sum(batch.features) for batch in batches]
    noise = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, states), (), jnp.uint16))
    return states + 1, jnp.stack(losses) + noise(jax.random.clone(keys))


def recipe(num_samples: int, batch_size: int, num_seeds: int, stops: set[int]) -> Recipe:
    labels = [np.arange(num_samples, dtype=np.int32) + 7 * seed for seed in range(num_seeds)]
    data = [Samples(each[:, None] ** 2, each) for each in labels]
    keys = jax.vmap(jax.random.key)(jnp.arange(num_seeds))
    orders = [jax.random.key(100 + seed) for seed in range(num_seeds)]
    return Recipe(tell_what_is_seen, data, keys, orders, batch_size, stops)


def losses_until(feed: HostFeed | DeviceFeed, stops: set[int]) -> tuple[np.ndarray, set[int]]:
    """Every step's losses, and where the host could look at the state."""
    state: Any = jnp.int32(0)
    step, losses, pauses = 0, [], set()
    while step < max(stops):
        state, some = feed.advance(state, step)
        losses.extend(np.asarray(some))
        step += len(some)
        pauses.add(step)
        assert int(state) == step
    assert step == max(stops)
    return np.stack(losses), pauses


@settings(max_examples=6)
@given(
    num_samples=st.integers(8, 40),
    num_seeds=st.integers(1, 2),
    num_devices=st.sampled_from([1, 2]),
    stops=st.sets(st.integers(1, 30), min_size=1, max_size=4),
)
def test_a_runs_steps_see_the_same_samples_in_the_same_order_under_the_same_keys(
    num_samples, num_seeds, num_devices, stops
):
    mesh = DataMesh(jax.devices()[:num_devices])
    one, many = (
        losses_until(feed(mesh, recipe(num_samples, 4, num_seeds, stops)), stops)
        for feed in (HostFeed, DeviceFeed)
    )
    np.testing.assert_array_equal(one[0], many[0])
    assert stops <= many[1]


@given(st.sets(st.integers(1, 3_000), min_size=1, max_size=30))
def test_the_length_of_a_scan_takes_the_fewest_calls(stops):
    pieces = np.diff(sorted(stops), prepend=0)

    def calls(length):
        return sum(n // length + n % length for n in pieces)

    assert 1 <= scan_length(stops) <= feeds.LONGEST_SCAN
    assert calls(scan_length(stops)) == min(map(calls, range(1, feeds.LONGEST_SCAN + 1)))


def test_a_gpu_keeps_the_set_on_the_device_where_it_takes_a_quarter_of_the_memory():
    mesh, some = DataMesh(jax.devices()[:1]), recipe(8, 4, 1, {2})
    needed = sum(array.nbytes for array in some.data[0])
    assert isinstance(choose_feed(mesh, some), HostFeed)  # on a CPU always

    def on_a_gpu_of(memory: dict[str, int] | None) -> feeds.Feed:
        device = mock.Mock(memory_stats=lambda: memory)
        with (
            mock.patch.object(jax, "default_backend", return_value="gpu"),
            mock.patch.object(jax, "local_devices", return_value=[device]),
        ):
            return choose_feed(mesh, some)

    assert isinstance(on_a_gpu_of({"bytes_limit": 4 * needed}), DeviceFeed)
    assert isinstance(on_a_gpu_of({"bytes_limit": 4 * needed - 4}), HostFeed)
    assert isinstance(on_a_gpu_of(None), HostFeed)  # unknown


@pytest.fixture(scope="module")
def from_the_host(tmp_path_factory) -> Path:
    """Two seeds, from the host."""
    workdir = tmp_path_factory.mktemp("host")
    with on_one_device():
        assert train(workdir, HostFeed, "--seeds", "2") == 0
    return workdir


def assert_same_run(one: Path, two: Path) -> None:
    """Evaluations and probes at the same steps, the same parameters up to rounding."""
    for rows, others in zip(
        (RunFolder(one).metrics(), RunFolder(one).probes()),
        (RunFolder(two).metrics(), RunFolder(two).probes()),
        strict=True,
    ):
        assert rows
        for row, other in zip(rows, others, strict=True):
            assert row | {"seconds": 0} == pytest.approx(other | {"seconds": 0}, rel=1e-3)
    for array, other in zip(variables(one), variables(two), strict=True):
        # Element by element AdamW makes much of what rounding leaves of a gradient of nothing.
        assert np.linalg.norm(array - other) <= 1e-3 * np.linalg.norm(other)


@pytest.mark.slow
@pytest.mark.optimized
def test_whichever_feed_takes_them_a_run_ends_with_the_same_parameters_up_to_rounding(
    from_the_host, tmp_path
):
    with on_one_device():
        assert train(tmp_path, DeviceFeed, "--seeds", "2") == 0
    for name in (path.name for path in tmp_path.iterdir()):
        assert_same_run(from_the_host / name, tmp_path / name)


@pytest.mark.slow
@pytest.mark.optimized
def test_a_run_of_many_steps_a_call_is_interrupted_and_goes_on(from_the_host, tmp_path, capsys):
    """Over eight devices, by Ctrl-C between the third call and the fourth."""
    calls = 0
    advance = DeviceFeed.advance

    def until_the_third(self, states, step):
        nonlocal calls
        calls += 1
        if calls == 3:
            jax.block_until_ready(states)
            signal.raise_signal(signal.SIGINT)
        return advance(self, states, step)

    with mock.patch.object(DeviceFeed, "advance", until_the_third):
        assert train(tmp_path / "run", DeviceFeed, "--seed", "1") == 130
    assert "--resume goes on" in capsys.readouterr().err
    assert calls == 3
    assert train(tmp_path / "run", DeviceFeed, "--seed", "1", "--resume") == 0
    (alone,) = from_the_host.glob("*s1")
    assert_same_run(alone, tmp_path / "run")


def test_the_first_loss_that_is_no_number_is_named_in_the_middle_of_a_scan(tmp_path, capsys):
    too_fast = ["--optimizer", "sgd", "--learning-rate", "1e30", "--probe-every", "1"]
    errors = []
    for feed in (HostFeed, DeviceFeed):
        with on_one_device():
            assert train(tmp_path / feed.__name__, feed, *too_fast) == 2
        errors.append(capsys.readouterr().err)
    assert "the loss is nan at step" in errors[0]
    assert errors[0].replace(HostFeed.__name__, DeviceFeed.__name__) == errors[1]
