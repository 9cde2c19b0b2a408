"""The four networks in PyTorch, as a user of PyTorch would write them, with our parameters.

Only benchmarks need PyTorch: ``pip install 'jaxverify[benchmark]'``.
"""

# pyright: reportMissingImports=false

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
_VGG_POOLED = (0, 1, 3, 5, 7)  # the convolutions after which VGG-11 halves the image


def build(name: str, variables: Mapping[str, Any]) -> nn.Module:
    """The network called ``name``, in training mode, with the parameters of its twin in Flax.

    Args:
        name: resnet34, vgg11, textcnn or att_blstm.
        variables: of the module that ``jaxverify.models.create(name, ...)`` made.
    """
    return _TWINS[name](variables["params"])


class _Block(nn.Module):
    def __init__(self, params: Mapping[str, Any], stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(params["Conv_0"], stride, 1)
        self.norm1 = _norm(params["BatchNorm_0"])
        self.conv2 = _conv(params["Conv_1"], 1, 1)
        self.norm2 = _norm(params["BatchNorm_1"])
        self.shortcut = nn.Sequential()
        if "Conv_2" in params:
            self.shortcut.append(_conv(params["Conv_2"], stride, 0))
            self.shortcut.append(_norm(params["BatchNorm_2"]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x), inplace=True)


class _ResNet34(nn.Module):
    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.stem, self.norm = _conv(params["Conv_0"], 2, 3), _norm(params["BatchNorm_0"])
        first_of_later_stages = (3, 7, 13)
        self.blocks = nn.Sequential(
            *(
                _Block(params[f"BasicBlock_{i}"], 2 if i in first_of_later_stages else 1)
                for i in range(16)
            )
        )
        self.head = _dense(params["Dense_0"])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.stem(images)), inplace=True)
        x = self.blocks(F.max_pool2d(x, 3, 2, 1))
        return self.head(x.mean((2, 3)))


class _VGG11(nn.Module):
    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(params[f"Conv_{i}"], 1, 1) for i in range(8))
        self.hidden = nn.ModuleList(_dense(params[f"Dense_{i}"]) for i in range(2))
        self.head, self.dropout = _dense(params["Dense_2"]), nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images
        for i, conv in enumerate(self.convs):
            x = F.relu(conv(x), inplace=True)
            if i in _VGG_POOLED:
                x = F.max_pool2d(x, 2)
        x = x.flatten(1)
        for hidden in self.hidden:
            x = F.relu(hidden(self.dropout(x)))
        return self.head(x)


class _TextCNN(nn.Module):
    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.embed = _embed(params["Embed_0"])
        self.convs = nn.ModuleList(_conv(params[f"Conv_{i}"], 1, 0) for i in range(3))
        self.head, self.dropout = _dense(params["Dense_0"]), nn.Dropout(0.5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens).transpose(1, 2)
        strongest = torch.cat([conv(x).amax(2) for conv in self.convs], 1)
        return self.head(self.dropout(F.relu(strongest)))


class _AttBLSTM(nn.Module):
    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__()
        self.embed = _embed(params["Embed_0"])
        cells = [params[f"LSTM_{i}"]["cell"] for i in range(4)]
        self.lstm = nn.LSTM(100, 128, num_layers=2, bidirectional=True, batch_first=True)
        for i, cell in enumerate(cells):
            suffix = f"l{i // 2}" + "_reverse" * (i % 2)
            for side in "ih":
                gates = [np.asarray(cell[side + gate]["kernel"]) for gate in "ifgo"]
                _set(getattr(self.lstm, f"weight_{side}h_{suffix}"), np.concatenate(gates, 1).T)
            biases = [np.asarray(cell["h" + gate]["bias"]) for gate in "ifgo"]
            _set(getattr(self.lstm, f"bias_ih_{suffix}"), np.concatenate(biases))
            unused = getattr(self.lstm, f"bias_hh_{suffix}")  # ours has one bias a gate
            _set(unused, np.zeros(unused.shape, np.float32))
            unused.requires_grad_(False)
        self.attention = _dense(params["Dense_0"])
        self.head, self.dropout = _dense(params["Dense_1"]), nn.Dropout(0.5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x, _ = self.lstm(self.embed(tokens))
        weights = F.softmax(self.attention(torch.tanh(x)), 1)
        return self.head(self.dropout(torch.tanh((weights * x).sum(1))))


_TWINS = {"resnet34": _ResNet34, "vgg11": _VGG11, "textcnn": _TextCNN, "att_blstm": _AttBLSTM}


def _set(parameter: torch.Tensor, values: Any) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.array(values)))


def _conv(params: Mapping[str, Any], stride: int, padding: int) -> nn.Module:
    *window, channels, features = params["kernel"].shape
    kind = {1: nn.Conv1d, 2: nn.Conv2d}[len(window)]
    bias = "bias" in params
    conv = kind(channels, features, tuple(window), stride, padding, bias=bias)
    _set(conv.weight, np.moveaxis(np.asarray(params["kernel"]), (-1, -2), (0, 1)))
    if bias:
        _set(conv.bias, params["bias"])
    return conv


def _norm(params: Mapping[str, Any]) -> nn.Module:
    norm = nn.BatchNorm2d(len(params["scale"]), eps=1e-5, momentum=0.1)
    _set(norm.weight, params["scale"])
    _set(norm.bias, params["bias"])
    return norm


def _dense(params: Mapping[str, Any]) -> nn.Module:
    dense = nn.Linear(*params["kernel"].shape, bias="bias" in params)
    _set(dense.weight, np.asarray(params["kernel"]).T)
    if "bias" in params:
        _set(dense.bias, params["bias"])
    return dense


def _embed(params: Mapping[str, Any]) -> nn.Module:
    embed = nn.Embedding(*params["embedding"].shape)
    _set(embed.weight, params["embedding"])
    return embed
