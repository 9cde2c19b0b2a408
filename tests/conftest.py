"""Tests see eight simulated devices, and run with JAX's own checks turned on."""

import os
import secrets
import tempfile
import time

import jax
import jaxtyping
import numpy as np
import pytest
from hypothesis import settings

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)

# A first call compiles: how long one example takes says nothing.
settings.register_profile("jax", deadline=None)
settings.load_profile("jax")


# Most programs that the tests compile run once, for less time than XLA would take to optimize them.
FAST = ["--xla_backend_optimization_level=0"]
if jax.__version_info__ < (0, 11):
    FAST.append("--xla_cpu_use_fusion_emitters=false")


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """Each test has ledgers of its own, and sees tracebacks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    monkeypatch.setenv("JAXVERIFY_TRACEBACK", "1")  # a defect of ours is to be seen


def pytest_addoption(parser):
    parser.addoption("--compile-fast", action="store_true", help="without XLA's optimizations")


def pytest_configure(config):
    """What is compiled once is not compiled again, here or in a process that a test starts.

    Most of a short run is compiling. Each worker of xdist has a folder of its own, as JAX writes
    entries neither at once nor under a lock; and each run a new one.
    """
    folder = tempfile.TemporaryDirectory(prefix="compiled-")
    config.add_cleanup(folder.cleanup)
    if config.getoption("compile_fast"):  # here and in a process that a test starts
        os.environ["XLA_FLAGS"] = " ".join([*FAST, os.environ.get("XLA_FLAGS", "")])
    cache = {"jax_compilation_cache_dir": folder.name}
    cache["jax_persistent_cache_min_compile_time_secs"] = 0
    for name, value in cache.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


# How answers are read, asked for and counted, and what the documents say: no matter of the JAX.
ONCE = "benchmarks_faults cache_check cli_calibrate docs explanation fields http http_forms"
ONCE += " http_secrets http_transport http_urls http_waiting isolated ledger messages misread"
ONCE += " own_samples printable reading reading_one_score"
ONCE += " rooms train_reproduction_tables train_zoo"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Files with slow tests come first: begun last, one of them would keep the others waiting."""
    for item in items:
        if item.path.stem.removeprefix("test_") in ONCE.split():
            item.add_marker("once")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def untyped_caller():
    """A caller without type checks, as users are: our own checks must catch what types would."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def fixed_secrets(monkeypatch):
    """What is drawn from the operating system is the same in every run, and so is what follows."""
    rng = np.random.default_rng(0)
    monkeypatch.setattr(secrets, "token_bytes", rng.bytes)


@pytest.fixture
def fast(monkeypatch):
    """Pauses are counted, not waited for."""
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited
