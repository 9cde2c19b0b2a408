"""Norms of single samples' gradients in PyTorch: Opacus in both its modes, and torch.func.

All compute what ours do: losses in inference mode, so under frozen batch statistics and without
dropout; torch.func has images in the memory format that makes it quicker. Opacus samples gradients
by hooks that it puts only on modules in training mode, and its own samplers serve only the layers
it knows, so BatchNorm and LSTM are replaced by equal ones.
"""

# pyright: reportMissingImports=false

import os
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping, register_grad_sampler
from opacus.layers import DPLSTM
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from benchmarks.torch_models import DEVICE, build

Norms = Callable[[], np.ndarray]


def candidates(
    name: str,
    variables: Mapping[str, Any],
    features: np.ndarray,
    labels: np.ndarray,
    microbatch_size: int,
) -> dict[str, Norms]:
    """What is measured, by name; each returns the norms ``[n]``.

    Args:
        name: of the network.
        variables: of its twin in Flax.
        features: tokens ``[n, length]``, or images ``[n, h, w, c]`` that are normalised already.
        labels: class indices ``[n]``.
        microbatch_size: the number of gradients that torch.func holds at a time.
    """
    # The first layer reads data, by which nobody differentiates.
    warnings.filterwarnings("ignore", message="Full backward hook is firing")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as JAX's
    x = torch.from_numpy(np.array(features)).to(DEVICE)
    y = torch.from_numpy(np.array(labels)).long().to(DEVICE)
    if x.ndim == 4:
        x, layouts = x.permute(0, 3, 1, 2), [torch.contiguous_format, torch.channels_last]
    else:
        x, layouts = x.long(), [torch.contiguous_format]

    def in_best_layout(make: Callable[[nn.Module, torch.Tensor], Norms]) -> Norms:
        models = (_network(name, variables).to(memory_format=layout) for layout in layouts)
        inputs = (x.contiguous(memory_format=layout) for layout in layouts)
        return min(map(make, models, inputs), key=_seconds)

    def contiguous() -> nn.Module:
        return _network(name, variables).to(memory_format=torch.contiguous_format)

    # In channels last Opacus's gradients of convolutions are wrong, half as large (1.6.0): it reads
    # images by strides that it computes for the other format.
    plain = x.contiguous()
    return {
        "Opacus": partial(_opacus, GradSampleModule(contiguous(), **_SUMMED), plain, y),
        "Opacus ghost": partial(_opacus_ghost, _ghost(contiguous()), plain, y),
        "torch.func": in_best_layout(
            lambda model, x: partial(_torch_func, model, x, y, microbatch_size)
        ),
    }


def _seconds(norms: Norms) -> float:
    norms()
    start = time.perf_counter()
    norms()
    return time.perf_counter() - start


def without_ghost_rule(name: str, variables: Mapping[str, Any]) -> list[str]:
    """The layers for which Opacus's ghost mode falls back on forming the gradients."""
    samplers = GradSampleModuleFastGradientClipping.NORM_SAMPLERS
    modules = (m for m in _network(name, variables).modules() if list(m.parameters(recurse=False)))
    return sorted({type(m).__name__ for m in modules if type(m) not in samplers})


_SUMMED = {"loss_reduction": "sum", "strict": False}  # strict refuses any buffer, a constant too


def _ghost(model: nn.Module) -> GradSampleModuleFastGradientClipping:
    return GradSampleModuleFastGradientClipping(model, use_ghost_clipping=True, **_SUMMED)


def _opacus(model: GradSampleModule, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    _backward(model, x, y)
    gradients = (p.grad_sample for p in model.parameters() if p.requires_grad)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in gradients])
    model.zero_grad(set_to_none=True)  # the gradients of single samples fill the memory
    return norms.norm(dim=0).cpu().numpy()


def _opacus_ghost(
    model: GradSampleModuleFastGradientClipping, x: torch.Tensor, y: torch.Tensor
) -> np.ndarray:
    _backward(model, x, y)
    norms = model.get_norm_sample().cpu().numpy()
    model.zero_grad(set_to_none=True)
    return norms


def _backward(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    # Its hooks make views of every output, which no operation may change in place.
    with mock.patch.object(F, "relu", lambda x, inplace=False: torch.relu(x)):
        F.cross_entropy(model(x), y, reduction="sum").backward()


def _torch_func(model: nn.Module, x: torch.Tensor, y: torch.Tensor, size: int) -> np.ndarray:
    learnt = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}

    def loss(learnt: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(model, learnt, (x[None],)), y[None])

    def norm(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        gradients = grad(loss)(learnt, x, y).values()
        return torch.stack([g.square().sum() for g in gradients]).sum().sqrt()

    return vmap(norm, chunk_size=size)(x, y).cpu().numpy()


class _FrozenNorm(nn.Module):
    """BatchNorm with frozen statistics, a scale and a shift of every channel."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("mean", norm.running_mean)
        self.register_buffer("var", norm.running_var)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.mean, self.var, self.weight, self.bias, eps=self.eps)


@register_grad_sampler(_FrozenNorm)
def _frozen_norm_gradients(
    layer: _FrozenNorm, activations: list[torch.Tensor], backprops: torch.Tensor
) -> dict[nn.Parameter, torch.Tensor]:
    normalised = F.batch_norm(activations[0], layer.mean, layer.var, eps=layer.eps)
    scale = torch.einsum("nchw,nchw->nc", normalised, backprops)
    return {layer.weight: scale, layer.bias: backprops.sum((2, 3))}


def _network(name: str, variables: Mapping[str, Any]) -> nn.Module:
    model = build(name, variables).train()
    for parent in list(model.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, child_name, _FrozenNorm(child))
            elif isinstance(child, nn.LSTM):
                setattr(parent, child_name, _open_lstm(child))
            elif isinstance(child, nn.Dropout):
                child.eval()
    return model.to(DEVICE)


def _open_lstm(lstm: nn.LSTM) -> DPLSTM:
    """Opacus's own LSTM, a loop over time: neither it nor torch.func sees into PyTorch's."""
    twin = DPLSTM(
        lstm.input_size,
        lstm.hidden_size,
        lstm.num_layers,
        batch_first=lstm.batch_first,
        bidirectional=lstm.bidirectional,
    )
    twin.load_state_dict(lstm.state_dict())
    for name, part in twin.named_modules():
        if name.endswith(".hh"):
            part.bias.requires_grad_(False)  # ours has one bias a gate
    return twin
