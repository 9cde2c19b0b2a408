"""Textures that survive what training does to images: crops, flips, and a little noise."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int32, UInt8

from jaxverify.errors import UserError
from jaxverify.task.extra_task import ExtraTask

_WAVES = 2
_TURN = 256  # parts of a full turn
# A cosine in whole numbers, so that the bytes are the same on every machine.
_COSINE = np.round(127 * np.cos(2 * np.pi * np.arange(_TURN) / _TURN)).astype(np.int32)
_LONGEST, _SHORTEST = 16, 4  # pixels from one crest to the next


def gratings(
    key: jax.Array, task: ExtraTask, shape: tuple[int, ...], phase_key: jax.Array | None = None
) -> UInt8[jax.Array, "h w c"]:
    """Two coloured waves of random directions and lengths across the region.

    A crop shifts a wave's phase and a flip mirrors its direction, but its length and its colours
    stay: what tells two such samples apart is there in every version of them that a network sees,
    as it is not in noise of single pixels.

    Args:
        key: of this region, typed, scalar.
        task: of kind "image".
        shape: of the region.
        phase_key: of the phases; drawn from ``key`` without it. Copies of a sample have others.

    Returns:
        uint8 pixels, around 128.

    Raises:
        UserError: if the task is not of images.

    Guarantee: made of integers alone, so of the same bytes on every machine.
    """
    if task.kind != "image":
        raise UserError(f"generator is 'gratings'; it fills images, not kind {task.kind!r}")
    form_key, own_phase_key = jax.random.split(key)
    draws = _bytes(form_key, (_WAVES, 2 + shape[2]))
    phases = _bytes(own_phase_key if phase_key is None else phase_key, (_WAVES, 1))
    direction, length = draws[:, 0], draws[:, 1]
    # Crests a pixel, in parts of 2^16, from one in 16 pixels to one in 4.
    least, most = 2**16 // _LONGEST, 2**16 // _SHORTEST
    frequency = least + (most - least) * length // 255
    cosine = jnp.asarray(_COSINE)
    along_x = frequency * cosine[direction] // 127
    along_y = frequency * cosine[(direction - _TURN // 4) % _TURN] // 127
    y, x = np.indices(shape[:2], dtype=np.int32)[:, None]
    turns = (along_x[:, None, None] * x + along_y[:, None, None] * y) >> 8
    waves = cosine[(turns + phases[:, :, None]) % _TURN]
    amplitudes = draws[:, 2:] - 128  # of each colour, -128 to 127
    total = (waves[..., None] * amplitudes[:, None, None, :]).sum(axis=0)
    return jnp.clip(128 + (total >> 8), 0, 255).astype(jnp.uint8)


def _bytes(key: jax.Array, shape: tuple[int, ...]) -> Int32[jax.Array, "..."]:
    return (jax.random.bits(key, shape, jnp.uint32) >> 24).astype(jnp.int32)
