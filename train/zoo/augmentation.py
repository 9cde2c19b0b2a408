"""Augmenting a batch of images, [n, 3, side, side], in PyTorch."""

# pyright: reportMissingImports=false

from typing import Any

import torch
from torch.nn import functional as F


def unchanged(x: Any) -> Any:
    """Each as it is."""
    return x


def flipped(x: Any) -> Any:
    """Half of them mirrored."""
    mirrored = torch.rand(len(x), 1, 1, 1) < 0.5
    return torch.where(mirrored, x.flip(3), x)


def cropped(x: Any, border: int = 2) -> Any:
    """Each shifted by up to ``border`` pixels, which are filled with zeros, and half mirrored."""
    side, wide = x.shape[3], F.pad(flipped(x), [border] * 4)
    across, down = torch.randint(2 * border + 1, (2, len(x), 1))
    places = torch.arange(side)
    rows, columns = (down + places)[:, None, :, None], (across + places)[:, None, None, :]
    return wide[
        torch.arange(len(x))[:, None, None, None], torch.arange(3)[:, None, None], rows, columns
    ]


def cut_out(x: Any, size: int = 6) -> Any:
    """Cropped, and a square of each set to zero."""
    x, side = cropped(x), x.shape[3]
    corner = torch.randint(1 - size, side, (2, len(x), 1))
    inside = (torch.arange(side) >= corner) & (torch.arange(side) < corner + size)
    return x * ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])


def randaugmented(x: Any) -> Any:
    """Cropped, then two of six changes, drawn for each batch's parts: RandAugment in small."""
    x = cropped(x)
    for _ in range(2):
        parts = x.chunk(max(len(x) // 16, 1))
        x = torch.cat([_CHANGES[int(torch.randint(len(_CHANGES), ()))](part) for part in parts])
    return x


def _affine(x: Any, matrix: list[list[float]]) -> Any:
    grid = F.affine_grid(torch.tensor([matrix] * len(x)), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _strength(most: float) -> float:
    return float((2 * torch.rand(()) - 1) * most)


def _rotated(x: Any) -> Any:
    angle = torch.tensor(_strength(0.5))
    cos, sin = float(angle.cos()), float(angle.sin())
    return _affine(x, [[cos, -sin, 0.0], [sin, cos, 0.0]])


_CHANGES = (
    lambda x: x,
    _rotated,
    lambda x: _affine(x, [[1.0, _strength(0.3), 0.0], [0.0, 1.0, 0.0]]),
    lambda x: x * (1 + _strength(0.6)),
    lambda x: x + _strength(0.5),
    lambda x: (x - x.mean((2, 3), keepdim=True)) * (1 + _strength(0.6)),
)
