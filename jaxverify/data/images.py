"""From encoded images to one array of pixels, and back."""

import io
from collections.abc import Sequence

import numpy as np
import PIL
from jaxtyping import UInt8
from PIL import Image, ImageFile, features

from jaxverify.errors import DataError

_VERSION = 1  # to be raised when decode gives other pixels than before
_CODECS = ("jpg", "libjpeg_turbo", "jpg_2000", "webp", "avif", "libtiff")

# Modes whose pixels become grey or colour without loss; alpha, CMYK and 16 bits would not.
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}


def decode(encoded: Sequence[bytes | None], source: object) -> UInt8[np.ndarray, "n h w c"]:
    """Decodes images of one size, all grey or all in colour.

    Args:
        encoded: n images as PNG, JPEG or whatever else Pillow reads; at least one.
        source: what errors name as the place of the images, a path.

    Returns:
        uint8 ``[n, height, width, channels]``, one channel or three.

    Raises:
        DataError: if an image is missing, damaged, of another size than the first, or neither
            grey nor RGB; the line names its row, counted from 0.

    Guarantee: pixels are those of the encoded image: nothing is resized, cropped or dropped.
    """
    first = _decode_one(encoded[0], f"{source}, row 0")
    images = np.empty((len(encoded), *first.shape), np.uint8)
    for row, content in enumerate(encoded):
        image = _decode_one(content, f"{source}, row {row}")
        if image.shape != first.shape:
            raise DataError(
                f"{source}, row {row}: the image is {_shape(image)}, the first one"
                f" {_shape(first)}: bring all to one size and number of channels"
            )
        images[row] = image
    return images


def decoder() -> str:
    """What the pixels depend on besides the encoded image: :func:`decode`, Pillow and its codecs.

    Guarantee: another version of any of these gives another line, and so does Pillow's setting to
    accept truncated images.
    """
    codecs = [f"{codec} {features.version(codec)}" for codec in _CODECS]
    truncated = f"truncated {ImageFile.LOAD_TRUNCATED_IMAGES}"
    return ", ".join([f"decode {_VERSION}", f"Pillow {PIL.__version__}", *codecs, truncated])


def encode(images: UInt8[np.ndarray, "n h w c"]) -> list[bytes]:
    """Encodes images as PNG files, each as every other.

    Args:
        images: uint8 ``[n, height, width, channels]``, one channel or three.

    Raises:
        DataError: if there are two channels, or more than three.

    Guarantee: :func:`decode` gives back the same pixels.
    """
    if images.shape[-1] not in (1, 3):
        raise DataError(f"images of {images.shape[-1]} channels have no PNG: give one or three")
    return [_encode_one(image[..., 0] if image.shape[-1] == 1 else image) for image in images]


def _encode_one(pixels: UInt8[np.ndarray, "..."]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _decode_one(content: bytes | None, place: str) -> UInt8[np.ndarray, "h w c"]:
    if content is None:
        raise DataError(f"{place}: the image is null: drop the row or fill it in")
    try:
        with Image.open(io.BytesIO(content)) as image:
            mode = image.mode
            target = _MODES.get(mode)
            pixels = np.asarray(image if mode == target else image.convert(target))
    # By format and damage Pillow raises OSError, SyntaxError, ValueError, struct.error and more.
    except Exception as error:
        raise DataError(f"{place}: the image is damaged: write it again or drop the row") from error
    if target is None:
        raise DataError(f"{place}: the image has mode {mode}: save it as RGB or greyscale")
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _shape(image: np.ndarray) -> str:
    return "x".join(str(size) for size in image.shape)
