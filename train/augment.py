"""Augmentation of images, on the device, inside the training step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import UInt8

Images = UInt8[jax.Array, "n h w c"]
Augment = Callable[[jax.Array, jax.Array], jax.Array]

_BORDER = 4


def none(key: jax.Array, features: jax.Array) -> jax.Array:
    """Leave the batch as it is."""
    del key
    return features


def flip(key: jax.Array, images: Images) -> Images:
    """Mirror each image left to right with probability one half."""
    mirrored = jax.random.bernoulli(key, jnp.float32(0.5), shape=(images.shape[0], 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def crop_flip(key: jax.Array, images: Images) -> Images:
    """Cut each image at random out of itself within a black border of 4 pixels, then flip."""
    crop_key, flip_key = jax.random.split(key)
    border = (_BORDER, _BORDER)
    padded = jnp.pad(images, ((0, 0), border, border, (0, 0)))
    shape = (images.shape[0], 2)
    corners = jax.random.randint(crop_key, shape, 0, 2 * _BORDER + 1, jnp.int32)

    def crop(image, corner):
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], jnp.int32(0)), images.shape[1:])

    return flip(flip_key, jax.vmap(crop)(padded, corners))


AUGMENTATIONS: dict[str, Augment] = {"none": none, "flip": flip, "crop_flip": crop_flip}
