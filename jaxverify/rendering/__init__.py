"""From the arrays of extra samples to what stands in a customer's files: words, images, numbers."""

from jaxverify.rendering.base import Rendering, rendering_from_json
from jaxverify.rendering.images import ImageRendering
from jaxverify.rendering.text import TextRendering
from jaxverify.rendering.vectors import Column, VectorRendering

__all__ = [
    "Column",
    "ImageRendering",
    "Rendering",
    "TextRendering",
    "VectorRendering",
    "rendering_from_json",
]
