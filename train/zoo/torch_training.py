"""Training a network of PyTorch, and stopping it early where its user does."""

# pyright: reportMissingImports=false

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from jaxverify import Samples
from train.zoo.augmentation import unchanged
from train.zoo.stages import Predict, Stage, Upload, classes


@dataclass(frozen=True)
class TorchTrainer:
    """A network and how it is trained; called with an upload, it gives the model of each epoch.

    Attributes:
        build: the network, from the upload.
        epochs: at most.
        optimizer: "sgd" with momentum .9, or "adamw".
        learning_rate: its peak, from which it falls along a cosine.
        weight_decay: on all weights.
        augment: of a batch of images.
        mixup: of Beta(mixup, mixup); 0 is none.
        label_smoothing: as cross entropy takes it.
        ema: the decay of an average of the weights, which is asked instead; 0 is none.
        keep: the model that is returned after six epochs without a better one, by "loss" or
            "accuracy" on a tenth of the upload; None, if the last one is.
    """

    build: Callable[[Upload], Any]
    epochs: int
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.05
    weight_decay: float = 5e-4
    augment: Callable[[Any], Any] = unchanged
    mixup: float = 0.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    keep: Literal["loss", "accuracy", None] = None

    def __call__(self, upload: Upload) -> Iterator[Stage]:
        """Train, and give the model after each epoch; with early stopping, the best one last."""
        torch.manual_seed(upload.seed)
        torch.set_num_threads(1)
        rows, validation = upload.parted() if self.keep else (upload.rows, upload.rows)
        x, y = _inputs(np.asarray(rows.features)), _labels(rows)
        network = self.build(upload)
        asked = network
        if self.ema:
            asked = AveragedModel(
                network, multi_avg_fn=get_ema_multi_avg_fn(self.ema), use_buffers=True
            )
        optimizer = self._optimizer(network)
        steps = -(-len(x) // 128) * self.epochs
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        best, kept, waited = np.inf, None, 0
        for epoch in range(1, self.epochs + 1):
            network.train()
            for batch in torch.randperm(len(x)).split(128):
                optimizer.zero_grad()
                self._loss(network, x[batch], y[batch]).backward()
                optimizer.step()
                schedule.step()
                if asked is not network:
                    asked.update_parameters(network)
            yield Stage(str(epoch), _asking(asked))
            if self.keep is not None:
                cost = _cost(asked, validation, self.keep)
                waited += 1
                if cost < best:
                    best, kept, waited = cost, copy.deepcopy(asked), 0
                if waited == 6:
                    break
        if kept is not None:
            yield Stage("kept", _asking(kept))

    def _optimizer(self, network: Any) -> Any:
        decay = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer == "adamw":
            return torch.optim.AdamW(network.parameters(), **decay)
        return torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True, **decay)

    def _loss(self, network: Any, x: Any, y: Any) -> Any:
        x, others, weight = self.augment(x), y, 1.0
        if self.mixup:
            weight = float(torch.distributions.Beta(self.mixup, self.mixup).sample())
            order = torch.randperm(len(x))
            x, others = weight * x + (1 - weight) * x[order], y[order]
        logits = network(x)
        losses = [
            F.cross_entropy(logits, each, label_smoothing=self.label_smoothing)
            for each in (y, others)
        ]
        return weight * losses[0] + (1 - weight) * losses[1]


def _inputs(features: np.ndarray) -> Any:
    """Images as numbers around 0, channels first; tokens as they are."""
    features = np.asarray(features)
    if features.ndim == 2:
        return torch.tensor(features).long()
    return torch.tensor(features.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


def _logits(network: Any, features: np.ndarray) -> Any:
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in _inputs(features).split(512)])


def _asking(network: Any) -> Predict:
    return lambda features: classes(_logits(network, features).numpy())


def _labels(rows: Samples) -> Any:
    return torch.tensor(np.asarray(rows.labels)).long()


def _cost(network: Any, validation: Samples, keep: str) -> float:
    logits, labels = _logits(network, np.asarray(validation.features)), _labels(validation)
    if keep == "loss":
        return float(F.cross_entropy(logits, labels))
    return -float((logits.argmax(1) == labels).float().mean())
