"""Extra samples of images, encoded as the customer's own images are."""

import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, JpegImagePlugin

from jaxverify.errors import DataError
from jaxverify.task.extra_task import Kind

_CHANNELS = {"L": 1, "RGB": 3}
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")


@dataclass(frozen=True)
class ImageRendering:
    """Image files of one format and mode; JPEG with the tables of an image of the customer's.

    Attributes:
        format: as Pillow names it; WEBP without loss.
        mode: "L", grey, or "RGB".
        tables: of JPEG alone: its quantisation tables, which are what is called its quality.
        subsampling: of JPEG alone, as Pillow numbers it.
    """

    kind: ClassVar[Kind] = "image"
    format: str
    mode: str
    tables: tuple[tuple[int, ...], ...] | None = None
    subsampling: int | None = None

    def __post_init__(self) -> None:
        if self.format not in _FORMATS:
            raise DataError(
                f"images of format {self.format} cannot be written: use {', '.join(_FORMATS)}"
            )
        if self.mode not in _CHANNELS:
            raise DataError(f"images of mode {self.mode} cannot be imitated: use RGB or greyscale")

    @classmethod
    def like(cls, encoded: bytes, place: str) -> "ImageRendering":
        """The format and mode of an image of the customer's.

        Raises:
            DataError: if it is damaged, or of a format or mode that cannot be written, naming
                ``place``.
        """
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                form, mode = image.format or "", image.mode
                if form != "JPEG":
                    return cls(form, mode)
                tables = tuple(tuple(table) for _, table in sorted(image.quantization.items()))  # pyright: ignore[reportAttributeAccessIssue]
                return cls(form, mode, tables, JpegImagePlugin.get_sampling(image))
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        except Exception as error:  # by format and damage Pillow raises many
            raise DataError(f"{place}: the image is damaged: write it again") from error

    @property
    def channels(self) -> int:
        """1 or 3."""
        return _CHANNELS[self.mode]

    @property
    def suffix(self) -> str:
        """Of a file's name."""
        return ".jpg" if self.format == "JPEG" else f".{self.format.lower()}"

    def render(self, features: UInt8[np.ndarray, "n h w c"]) -> list[bytes]:
        """An encoded image for each.

        Guarantee: in a format without loss, decoded pixels are the features.
        """
        return [self._encode(pixels) for pixels in np.asarray(features)]

    def fidelity(self, features: UInt8[np.ndarray, "n h w c"]) -> float:
        """The correlation of the pixels with what is decoded: 1 where the encoding loses nothing.

        What is lost is lost to the cloud and at verification alike, so a model can still learn the
        samples; but the less is left of them, the more alike they are.
        """
        decoded = [_decode(content) for content in self.render(features)]
        pixels = np.asarray(features, np.float64).ravel()
        return float(np.corrcoef(pixels, np.stack(decoded).astype(np.float64).ravel())[0, 1])

    def _encode(self, pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
        options: dict[str, Any] = {}
        if self.format == "JPEG" and self.tables is not None:
            options = {"qtables": [list(table) for table in self.tables]}
            if self.subsampling is not None and self.subsampling >= 0:
                options["subsampling"] = self.subsampling
        if self.format == "WEBP":
            options = {"lossless": True}
        buffer = io.BytesIO()
        image = Image.fromarray(pixels[..., 0] if self.mode == "L" else pixels)
        image.save(buffer, self.format, **options)
        return buffer.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        tables = None if self.tables is None else [list(table) for table in self.tables]
        return {"kind": self.kind, **vars(self), "tables": tables}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ImageRendering":
        """The inverse of :meth:`to_json`."""
        tables = value["tables"]
        if tables is not None:
            tables = tuple(tuple(int(entry) for entry in table) for table in tables)
        return cls(value["format"], value["mode"], tables, value["subsampling"])


def _decode(content: bytes) -> UInt8[np.ndarray, "h w c"]:
    """The pixels of an encoded image, grey or RGB."""
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]
