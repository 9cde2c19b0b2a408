"""Networks of PyTorch, as their users write them."""

# pyright: reportMissingImports=false

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def cnn(num_classes: int, dropout: float = 0.0) -> nn.Module:
    """Five convolutions with batch norm in three stages: 0.2 million weights."""
    layers: list[nn.Module] = []
    width = 3
    for channels, convolutions in ((24, 1), (48, 2), (96, 2)):
        for _ in range(convolutions):
            layers += [nn.Conv2d(width, channels, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            width = channels
        layers += [nn.MaxPool2d(2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, *head, nn.Linear(width, num_classes))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Any) -> Any:
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


def resnet(num_classes: int) -> nn.Module:
    """A residual network of eight layers: three blocks of 24, 48 and 96 channels."""
    stem = [nn.Conv2d(3, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU()]
    blocks = [_Block(24, 24, 1), _Block(24, 48, 2), _Block(48, 96, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, num_classes)]
    return nn.Sequential(*stem, *blocks, *head)


class _Encoder(nn.Module):
    """A transformer over a sequence of vectors, and the mean of its outputs."""

    def __init__(self, length: int, width: int, depth: int, dropout: float):
        super().__init__()
        self.places = nn.Parameter(0.02 * torch.randn(1, length, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, x: Any, padding: Any = None) -> Any:
        y = self.layers(x + self.places[:, : x.shape[1]], src_key_padding_mask=padding)
        if padding is None:
            return y.mean(1)
        kept = (~padding)[..., None].float()
        return (y * kept).sum(1) / kept.sum(1).clamp(min=1)


class VisionTransformer(nn.Module):
    """Patches of 4 x 4 pixels, four layers of width 96."""

    def __init__(self, num_classes: int, side: int):
        super().__init__()
        self.patches = nn.Conv2d(3, 96, 4, 4)
        self.encoder = _Encoder((side // 4) ** 2, 96, 4, 0.1)
        self.head = nn.Linear(96, num_classes)

    def forward(self, x: Any) -> Any:
        """Logits."""
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)))


class TextTransformer(nn.Module):
    """Learned embeddings, two layers of width 96."""

    def __init__(self, num_classes: int, vocab_size: int, length: int):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, 96, padding_idx=0)
        self.encoder = _Encoder(length, 96, 2, 0.1)
        self.head = nn.Linear(96, num_classes)

    def forward(self, tokens: Any) -> Any:
        """Logits."""
        padding = tokens == 0
        padding[:, 0] = False  # a text without words is no row of masks alone
        return self.head(self.encoder(self.embed(tokens), padding))


class TextCNN(nn.Module):
    """Convolutions over 3, 4 and 5 words, as Kim wrote it."""

    def __init__(self, num_classes: int, vocab_size: int):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, 100, padding_idx=0)
        self.windows = nn.ModuleList([nn.Conv1d(100, 100, size) for size in (3, 4, 5)])
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(300, num_classes)

    def forward(self, tokens: Any) -> Any:
        """Logits."""
        x = self.embed(tokens).transpose(1, 2)
        pooled = [F.relu(window(x)).amax(2) for window in self.windows]
        return self.head(self.dropout(torch.cat(pooled, 1)))
