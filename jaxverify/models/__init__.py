"""The networks of the paper's Table 1, variants of two of them, and small ones for small data."""

import difflib
from dataclasses import dataclass
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float32, Shaped

from jaxverify.errors import UserError
from jaxverify.models.att_blstm import AttBLSTM
from jaxverify.models.autoencoder import Autoencoder
from jaxverify.models.digits import DigitsCNN
from jaxverify.models.mlp import MLP
from jaxverify.models.resnet import ResNet34
from jaxverify.models.small_cnn import SmallCNN
from jaxverify.models.textcnn import TextCNN
from jaxverify.models.transformer import TextTransformer, VisionTransformer
from jaxverify.models.vgg import VGG11

IMAGE_MODELS = {
    "resnet34": ResNet34,
    "resnet34_cifar": partial(ResNet34, stem="cifar"),
    "vgg11": VGG11,
    "vgg11_bn": partial(VGG11, batch_norm=True),
    "digits_cnn": DigitsCNN,
    "small_cnn": SmallCNN,
    "vision_transformer": VisionTransformer,
}
TEXT_MODELS = {"textcnn": TextCNN, "att_blstm": AttBLSTM, "text_transformer": TextTransformer}
VECTOR_MODELS = {"mlp": MLP}
AUTOENCODERS = {
    "autoencoder": Autoencoder,
    "linear_autoencoder": partial(Autoencoder, width=None),
}


def create(
    name: str,
    *,
    num_classes: int,
    vocab_size: int | None = None,
    dtype: DTypeLike = jnp.float32,
) -> nn.Module:
    """The network called ``name``, without parameters.

    Args:
        name: a key of ``IMAGE_MODELS``, ``TEXT_MODELS``, ``VECTOR_MODELS`` or ``AUTOENCODERS``.
        num_classes: C, the number of logits; an autoencoder has none.
        vocab_size: of text alone: the number of token ids, the two reserved ones counted.
        dtype: what the network computes in, such as bfloat16, but for the last layer: logits that
            were rounded so would often tie.

    Raises:
        UserError: if there is no such network, naming the nearest, or text has no vocabulary.

    Guarantee: equal arguments give equal modules, so they can be static parts of a pytree. Whatever
    ``dtype``, parameters, batch statistics, the last layer and what it gives are float32.

    >>> create("resnet34", num_classes=10) == create("resnet34", num_classes=10)
    True
    """
    dtype = jnp.dtype(dtype).type  # one object for every way to say it
    if name in IMAGE_MODELS:
        return IMAGE_MODELS[name](num_classes=num_classes, dtype=dtype)
    if name in TEXT_MODELS:
        if vocab_size is None:
            raise UserError(f"{name} reads text, and vocab_size is missing")
        return TEXT_MODELS[name](num_classes=num_classes, vocab_size=vocab_size, dtype=dtype)
    if name in VECTOR_MODELS:
        return VECTOR_MODELS[name](num_classes=num_classes, dtype=dtype)
    if name in AUTOENCODERS:
        return AUTOENCODERS[name](dtype=dtype)
    names = sorted([*IMAGE_MODELS, *TEXT_MODELS, *VECTOR_MODELS, *AUTOENCODERS])
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
    raise UserError(
        f"no model is called {name!r}; did you mean {nearest!r}? There are {', '.join(names)}"
    )


@dataclass(frozen=True)
class Inference:
    """A network in inference mode as a function, hashable and comparable by value.

    Attributes:
        module: any module of this package.
    """

    module: nn.Module

    def __call__(self, variables: Any, features: Shaped[Array, "n ..."]) -> Float32[Array, "n ..."]:
        """Logits ``[n, num_classes]``, or reconstructions of the features, as in inference mode.

        Batch statistics are frozen, and there is no dropout.
        """
        return jnp.asarray(self.module.apply(variables, features, train=False))
