"""One random change of each image, as RandAugment makes them (Cubuk et al., 2020)."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float32, UInt8

_TURN = 0.35  # radians, at most
_SHEAR = 0.3
_MOVE = 0.3  # of the side
_LIGHT = 0.6  # by which a factor differs from 1


def randomly_changed(key: jax.Array, images: UInt8[Array, "n h w c"]) -> UInt8[Array, "n h w c"]:
    """Turn, shear, shift, or change the light, contrast, colour or depth of each image.

    Args:
        key: typed, scalar; each image draws its change and the change's strength.
        images: uint8.

    Returns:
        uint8, of the same shape; what comes from outside an image is black.
    """
    change_key, strength_key = jax.random.split(key)
    count = images.shape[0]
    which = jax.random.randint(change_key, (count,), 0, _NUM_CHANGES, jnp.int32)
    strength = jax.random.uniform(strength_key, (count,), jnp.float32, -1.0, 1.0)

    def change(which: Array, strength: Array, image: Array) -> Array:
        # One look at the pixels for all changes of geometry: under vmap each would take its own.
        matrix, move = jax.lax.switch(jnp.minimum(which, len(_MOVES) - 1), _MOVES, strength)
        moved = _mapped(image.astype(jnp.float32), matrix, move)
        colour = jnp.maximum(which - (len(_MOVES) - 1), 0)
        return jax.lax.switch(colour, _COLOURS, strength, moved)

    changed = jax.vmap(change)(which, strength, images)
    return jnp.clip(jnp.round(changed), 0, 255).astype(jnp.uint8)


Image = Float32[Array, "h w c"]
Geometry = tuple[Float32[Array, "2 2"], Float32[Array, "2"]]


def _turned(strength: Array) -> Geometry:
    cos, sin = jnp.cos(_TURN * strength), jnp.sin(_TURN * strength)
    return jnp.array([[cos, -sin], [sin, cos]]), jnp.zeros(2)


def _sheared(axis: int, strength: Array) -> Geometry:
    return jnp.eye(2).at[axis, 1 - axis].set(_SHEAR * strength), jnp.zeros(2)


def _moved(axis: int, strength: Array) -> Geometry:
    return jnp.eye(2), jnp.zeros(2).at[axis].set(_MOVE * strength)


def _in_place(strength: Array) -> Geometry:
    del strength
    return jnp.eye(2), jnp.zeros(2)


def _mapped(image: Image, matrix: Array, move: Array) -> Image:
    """Around the middle; ``move`` in parts of the side."""
    sides = jnp.array(image.shape[:2], jnp.float32)
    y, x = jnp.indices(image.shape[:2], jnp.float32)
    y, x = y - (sides[0] - 1) / 2, x - (sides[1] - 1) / 2
    places = [
        row[0] * y + row[1] * x + (side - 1) / 2 + part * side
        for row, side, part in zip(matrix, sides, move, strict=True)
    ]
    look = partial(map_coordinates, coordinates=places, order=1, mode="constant")
    return jax.vmap(look, in_axes=-1, out_axes=-1)(image)


def _light(strength: Array, image: Image) -> Image:
    return image * (1 + _LIGHT * strength)


def _contrast(strength: Array, image: Image) -> Image:
    return image.mean() + (image - image.mean()) * (1 + _LIGHT * strength)


def _colour(strength: Array, image: Image) -> Image:
    grey = image.mean(-1, keepdims=True)
    return grey + (image - grey) * (1 + _LIGHT * strength)


def _depth(strength: Array, image: Image) -> Image:
    step = jnp.round(2 ** (4 * jnp.abs(strength)))  # from 256 levels to 16
    return jnp.floor(image / step) * step


def _solarized(strength: Array, image: Image) -> Image:
    return jnp.where(image > 255 * (1 - jnp.abs(strength) / 2), 255 - image, image)


def _same(strength: Array, image: Image) -> Image:
    del strength
    return image


_MOVES = (
    _turned,
    partial(_sheared, 0),
    partial(_sheared, 1),
    partial(_moved, 0),
    partial(_moved, 1),
    _in_place,
)
_COLOURS = (_same, _light, _contrast, _colour, _depth, _solarized)
_NUM_CHANGES = len(_MOVES) + len(_COLOURS) - 1  # one of them is none at all
