"""What the renderings have in common."""

from typing import Any

from jaxverify.errors import DataError
from jaxverify.rendering.images import ImageRendering
from jaxverify.rendering.text import TextRendering
from jaxverify.rendering.vectors import VectorRendering

Rendering = TextRendering | ImageRendering | VectorRendering
_KINDS = {each.kind: each for each in (TextRendering, ImageRendering, VectorRendering)}


def rendering_from_json(value: dict[str, Any]) -> Rendering:
    """Back from what its ``to_json`` gave.

    Raises:
        DataError: if it is of no known kind.
    """
    if value.get("kind") not in _KINDS:
        raise DataError(f"a rendering of kind {value.get('kind')!r} is unknown")
    return _KINDS[value["kind"]].from_json(value)
