"""One training step in PyTorch, for ``benchmarks.train_step``."""

# pyright: reportMissingImports=false

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.torch_models import build
from jaxverify import Samples
from train.memory import keep_freed_memory


def make_step(
    name: str,
    variables: Mapping[str, Any],
    batch: Samples,
    channels_last: bool,
    compiled: bool,
    kept: bool,
) -> Callable[[], float]:
    """A function that takes the next step of a training and returns its loss.

    Args:
        name: of the network.
        variables: of its twin in Flax, with which it begins.
        batch: what every step trains on; images are normalised already, which a loader would do.
        channels_last: the memory format of images and kernels.
        compiled: whether by ``torch.compile``.
        kept: whether the process keeps the memory that it frees, as our scripts do.
    """
    if kept:
        keep_freed_memory()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = build(name, variables).train().to(memory_format=layout)
    x, labels = _inputs(batch, layout), torch.from_numpy(batch.labels).long()
    learnt = [p for p in model.parameters() if p.requires_grad]
    if x.ndim == 4:
        optimizer = torch.optim.SGD(learnt, lr=0.01, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(learnt, lr=1e-3)
    forward = torch.compile(model) if compiled else model

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def logits(name: str, variables: Mapping[str, Any], batch: Samples) -> np.ndarray:
    """The logits in inference mode."""
    with torch.inference_mode():
        return build(name, variables).eval()(_inputs(batch, torch.contiguous_format)).numpy()


def _inputs(batch: Samples, layout: torch.memory_format) -> torch.Tensor:
    x = torch.from_numpy(batch.features)
    return x.permute(0, 3, 1, 2).contiguous(memory_format=layout) if x.ndim == 4 else x.long()
