"""Every test runs on eight simulated devices, with JAX's own checks turned on."""

import jax
import jaxtyping
import pytest
from hypothesis import settings

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)

# A first call compiles: how long one example takes says nothing.
settings.register_profile("jax", deadline=None)
settings.load_profile("jax")


@pytest.fixture
def untyped_caller():
    """A caller without type checks, as users are: our own checks must catch what types would."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
