"""How a network is trained at home, as the cloud is thought to do it."""

import difflib
from dataclasses import dataclass
from typing import Any, Literal

import flax.linen as nn
import jax
import optax

from jaxverify import models
from jaxverify.errors import UserError
from jaxverify.training.augment import AUGMENTATIONS

NETWORKS = {
    "image": tuple(models.IMAGE_MODELS),
    "text": tuple(models.TEXT_MODELS),
    "vector": tuple(models.VECTOR_MODELS),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network, and how to train it; hashable, so that each recipe is compiled once.

    Attributes:
        network: as :func:`jaxverify.models.create` knows it.
        epochs: of the whole schedule.
        batch_size: samples per step.
        optimizer: "sgd" with Nesterov momentum .9, or "adamw".
        learning_rate: its peak, from which it falls to zero along a cosine.
        weight_decay: on matrices and kernels alone.
        augment: a key of :data:`jaxverify.training.augment.AUGMENTATIONS`.
        mixup: learn from mixtures of two samples each, their weights from Beta(mixup, mixup); 0 is
            none.
        label_smoothing: the share of a label that is spread over all classes.
        dropout: instead of the network's own.
        patience: stop when this many epochs bring no better model, and keep the best.

    Raises:
        UserError: if a value is out of its range, or unknown.
    """

    network: str
    epochs: int = 20
    batch_size: int = 128
    optimizer: Literal["sgd", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    augment: str = "none"
    mixup: float = 0.0
    label_smoothing: float = 0.0
    dropout: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.augment not in AUGMENTATIONS:
            nearest = difflib.get_close_matches(self.augment, AUGMENTATIONS, n=1, cutoff=0.0)[0]
            raise UserError(
                f"no augmentation is called {self.augment!r}; did you mean {nearest!r}? There are "
                f"{', '.join(AUGMENTATIONS)}"
            )
        for name in ("epochs", "batch_size", "learning_rate", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{name} is {value}; it must be positive")
        for name in ("weight_decay", "mixup"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in ("label_smoothing", "dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise UserError(f"{name} is {value}; it is a share below 1")

    @property
    def crops(self) -> bool:
        """Whether images are cropped."""
        return self.augment in ("crop_flip", "cutout", "randaugment")

    def check_kind(self, kind: str) -> None:
        """Raise a UserError if network or augmentation is not for samples of this kind."""
        if self.network not in NETWORKS[kind]:
            raise UserError(
                f"network is {self.network!r}; those for kind {kind!r} are "
                f"{', '.join(NETWORKS[kind])}"
            )
        if kind not in AUGMENTATIONS[self.augment].kinds:
            known = [name for name, each in AUGMENTATIONS.items() if kind in each.kinds]
            raise UserError(
                f"augment is {self.augment!r}; those for kind {kind!r} are {', '.join(known)}"
            )
        if self.mixup and kind == "text":
            raise UserError("mixup is for images and tables: words cannot be mixed")

    def module(self, num_classes: int, vocab_size: int | None) -> nn.Module:
        """The network, without parameters.

        Raises:
            UserError: if it has no dropout to be set.
        """
        module: Any = models.create(self.network, num_classes=num_classes, vocab_size=vocab_size)
        if self.dropout is None:
            return module
        if not hasattr(module, "dropout"):
            raise UserError(f"dropout is {self.dropout}, and {self.network} has none to be set")
        return module.clone(dropout=self.dropout)

    def optimizer_of_unit_rate(self) -> optax.GradientTransformation:
        """The optimizer for a learning rate of 1, by which the loop scales its updates.

        That way one compiled step serves trainings of any length.
        """
        decay = optax.add_decayed_weights(self.weight_decay, mask=_is_matrix)
        if self.optimizer == "adamw":
            return optax.chain(optax.scale_by_adam(), decay, optax.scale(-1.0))
        return optax.chain(decay, optax.sgd(1.0, momentum=0.9, nesterov=True))


def _is_matrix(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda p: p.ndim > 1, params)
