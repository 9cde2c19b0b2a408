"""What the benchmark of a training step is made of: workers, and the count of operations."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import operations
from benchmarks.workers import Worker


def fails():
    raise ValueError("no such layer")


def test_a_candidate_that_fails_says_why():
    with Worker(fails) as worker, pytest.raises(RuntimeError, match="no such layer"):
        worker()


def test_the_operations_of_products_are_counted_through_scans():

    def forward(x, kernel, window):
        y, _ = jax.lax.scan(lambda x, _: (x @ kernel, None), x, length=5)  # 5 * 2 * 4 * 3 * 3
        images = y.reshape(1, 4, 3, 1)
        layouts = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(  # 2 * 3 * 2 * 4 of a window with 7 features
            images, window, (1, 1), "VALID", dimension_numbers=layouts
        )

    arrays = jnp.ones((4, 3)), jnp.ones((3, 3)), jnp.ones((2, 2, 1, 7))
    assert operations.of_training_step(forward, *arrays) == 3 * (5 * 2 * 36 + 2 * 3 * 2 * 7 * 4)
