"""Coarse colours: what tells two samples apart is large, and stays where a crop moves it."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask

_ASIDE = 4  # fields along each side of a region


def coarse(key: jax.Array, task: ExtraTask, shape: tuple[int, ...]) -> UInt8[jax.Array, "h w c"]:
    """Fields of one random colour each, four along each side of the region.

    Args:
        key: of this region, typed, scalar.
        task: of kind "image".
        shape: of the region.

    Returns:
        uint8 pixels.

    Raises:
        UserError: if the task is not of images.

    Guarantee: made of integers alone, so of the same bytes on every machine.
    """
    if task.kind != "image":
        raise UserError(f"generator is 'coarse'; it fills images, not kind {task.kind!r}")
    height, width, channels = shape
    colours = jax.random.bits(key, (_ASIDE, _ASIDE, channels), jnp.uint32) >> 24
    rows, columns = np.arange(height) * _ASIDE // height, np.arange(width) * _ASIDE // width
    return colours[rows[:, None], columns[None, :]].astype(jnp.uint8)
