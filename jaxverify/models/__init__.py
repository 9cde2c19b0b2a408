"""The networks of the paper's Table 1, and a small one for the digits example."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float32, Shaped

from jaxverify.errors import UserError
from jaxverify.models.att_blstm import AttBLSTM
from jaxverify.models.digits import DigitsCNN
from jaxverify.models.resnet import ResNet34
from jaxverify.models.textcnn import TextCNN
from jaxverify.models.vgg import VGG11

IMAGE_MODELS = {"resnet34": ResNet34, "vgg11": VGG11, "digits_cnn": DigitsCNN}
TEXT_MODELS = {"textcnn": TextCNN, "att_blstm": AttBLSTM}


def create(name: str, *, num_classes: int, vocab_size: int | None = None) -> nn.Module:
    """Makes the model called ``name``."""
    if name in IMAGE_MODELS:
        return IMAGE_MODELS[name](num_classes)
    if name in TEXT_MODELS:
        return TEXT_MODELS[name](num_classes, vocab_size)
    names = sorted([*IMAGE_MODELS, *TEXT_MODELS])
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
    raise UserError(f"unknown model {name!r}: did you mean {nearest!r}? There are {', '.join(names)}")


@dataclass(frozen=True)
class Inference:
    """A model in inference mode, as a hashable function."""

    module: nn.Module

    def __call__(self, variables: Any, features: Shaped[Array, "b ..."]) -> Float32[Array, "b classes"]:
        return self.module.apply(variables, features, train=False)
