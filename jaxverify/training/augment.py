"""Augmenting images, texts and tables inside the compiled training step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float32, Int32, UInt8

from jaxverify.task.samples import NUM_RESERVED_TOKENS
from jaxverify.training.random_images import randomly_changed

Images = UInt8[jax.Array, "n h w c"]
Tokens = Int32[jax.Array, "n m"]
Vectors = Float32[jax.Array, "n d"]
Augment = Callable[[jax.Array, jax.Array], jax.Array]

_BORDER = 8  # the part of the side that a crop's border is: 4 pixels of 32
_DROPPED = 0.1  # of the words of a text
_UNKNOWN = 1  # the token id of a word that is not known
_JITTER = 0.02  # standard deviation of the noise on a number in [0, 1)


def none(key: jax.Array, features: jax.Array) -> jax.Array:
    """Leave the batch as it is."""
    del key
    return features


def flip(key: jax.Array, images: Images) -> Images:
    """Mirror each image left to right with probability one half."""
    mirrored = jax.random.bernoulli(key, jnp.float32(0.5), shape=(images.shape[0], 1, 1, 1))
    return jnp.where(mirrored, images[:, :, ::-1], images)


def crop_flip(key: jax.Array, images: Images) -> Images:
    """Cut each image at random out of itself within a black border of an eighth, then flip."""
    crop_key, flip_key = jax.random.split(key)
    n, height, width, _ = images.shape
    border = max(1, min(height, width) // _BORDER)
    sides = (border, border)
    padded = jnp.pad(images, ((0, 0), sides, sides, (0, 0)))
    corners = jax.random.randint(crop_key, (n, 2), 0, 2 * border + 1, jnp.int32)

    def crop(image, corner):
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], jnp.int32(0)), images.shape[1:])

    return flip(flip_key, jax.vmap(crop)(padded, corners))


def cutout(key: jax.Array, images: Images) -> Images:
    """Crop and flip, then blacken a square of half the side somewhere (DeVries & Taylor, 2017)."""
    first_key, place_key = jax.random.split(key)
    images = crop_flip(first_key, images)
    n, height, width, _ = images.shape
    bounds = jnp.array([[height, width]], jnp.int32)
    centres = jax.random.randint(place_key, (n, 2), 0, bounds, jnp.int32)
    y, x = jnp.arange(height)[None, :, None], jnp.arange(width)[None, None, :]
    away_y, away_x = jnp.abs(y - centres[:, :1, None]), jnp.abs(x - centres[:, 1:, None])
    inside = (away_y < height // 4) & (away_x < width // 4)
    return jnp.where(inside[..., None], jnp.uint8(0), images)


def randaugment(key: jax.Array, images: Images) -> Images:
    """Crop and flip, then two random changes of geometry, light or colour (Cubuk et al., 2020)."""
    first_key, second_key, third_key = jax.random.split(key, 3)
    images = crop_flip(first_key, images)
    return randomly_changed(third_key, randomly_changed(second_key, images))


def drop_words(key: jax.Array, tokens: Tokens) -> Tokens:
    """Make one word in ten unknown."""
    dropped = jax.random.bernoulli(key, jnp.float32(_DROPPED), tokens.shape)
    return jnp.where(dropped & (tokens >= NUM_RESERVED_TOKENS), _UNKNOWN, tokens)


def jitter(key: jax.Array, vectors: Vectors) -> Vectors:
    """Add normal noise, a fiftieth of the range of a column that lies in [0, 1)."""
    return vectors + _JITTER * jax.random.normal(key, vectors.shape, jnp.float32)


class Augmentation(NamedTuple):
    """What may be done to samples before each step.

    Attributes:
        kinds: of samples that it is for.
        apply: ``apply(key, features)``, the features changed, of the same shape and dtype.
    """

    kinds: tuple[str, ...]
    apply: Augment


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(("image", "text", "vector"), none),
    "flip": Augmentation(("image",), flip),
    "crop_flip": Augmentation(("image",), crop_flip),
    "cutout": Augmentation(("image",), cutout),
    "randaugment": Augmentation(("image",), randaugment),
    "drop_words": Augmentation(("text",), drop_words),
    "jitter": Augmentation(("vector",), jitter),
}
