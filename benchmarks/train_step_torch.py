"""One training step in PyTorch, for ``benchmarks.train_step``."""

# pyright: reportMissingImports=false

import os
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.torch_models import DEVICE, build
from benchmarks.train_step_jax import Precision
from jaxverify import Samples
from train.memory import keep_freed_memory

Mode = Literal["eager", "compiled", "graph"]


def make_step(
    name: str,
    variables: Mapping[str, Any],
    batch: Samples,
    channels_last: bool,
    mode: Mode,
    kept: bool,
    precision: Precision,
    steps: int,
) -> Callable[[], float]:
    """A function that takes the next steps of a training and returns the last one's loss.

    Args:
        name: of the network.
        variables: of its twin in Flax, with which it begins.
        batch: what every step trains on; images are normalised already, which a loader would do.
        channels_last: the memory format of images and kernels.
        mode: "eager"; "compiled", the network by ``torch.compile``; or "graph", the whole step of
            the eager one recorded as a CUDA graph, and replayed.
        kept: whether the process keeps the memory that it frees, as our scripts do.
        precision: "bfloat16" is autocast; float32 products are TF32's on a GPU, as JAX's are.
        steps: of one call.
    """
    if kept:
        keep_freed_memory()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = build(name, variables).train().to(DEVICE, memory_format=layout)
    x, labels = _inputs(batch, layout).to(DEVICE), torch.from_numpy(batch.labels).long().to(DEVICE)
    learnt = [p for p in model.parameters() if p.requires_grad]
    if x.ndim == 4:
        optimizer = torch.optim.SGD(learnt, lr=0.01, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(learnt, lr=1e-3, capturable=mode == "graph")
    forward = torch.compile(model) if mode == "compiled" else model
    cast = torch.autocast(DEVICE.type, torch.bfloat16, enabled=precision == "bfloat16")

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = F.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    one_step = _recorded(step) if mode == "graph" else step

    def call() -> float:
        for _ in range(steps - 1):
            one_step()
        return one_step().item()  # waits for all

    return call


def _recorded(step: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """The step as a CUDA graph, warmed up on a stream beside, as PyTorch's manual asks for."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay() -> torch.Tensor:
        graph.replay()
        return loss

    return replay


def logits(name: str, variables: Mapping[str, Any], batch: Samples) -> np.ndarray:
    """The logits in inference mode."""
    with torch.inference_mode():
        return build(name, variables).eval()(_inputs(batch, torch.contiguous_format)).numpy()


def _inputs(batch: Samples, layout: torch.memory_format) -> torch.Tensor:
    x = torch.from_numpy(batch.features)
    return x.permute(0, 3, 1, 2).contiguous(memory_format=layout) if x.ndim == 4 else x.long()
