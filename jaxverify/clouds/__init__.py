"""Simulated clouds, honest, lazy and cheating, and detectors of the extra task.

A cloud is a function ``(dataset, module, budget, key) -> Returned``; a new one is ten lines and an
entry below. Nothing here is of use in verifying a model: it is for measuring what a verdict is
worth.

>>> sorted(HONEST)[:3]
['DP-SGD', 'deduplication', 'early stopping']
"""

from functools import partial

from jaxverify.clouds import honest, lazy
from jaxverify.clouds.cheating import SCHEMES, cheat, hard_examples
from jaxverify.clouds.cloud import Budget, Cloud, Predict, Returned
from jaxverify.clouds.detectors import DETECTORS, auc
from jaxverify.clouds.lazy import older_model
from jaxverify.clouds.training import Descent, Fitted, fit

HONEST: dict[str, Cloud] = {
    "full training": honest.full,
    "mixup": honest.mixup,
    "label smoothing": honest.label_smoothing,
    "noise-robust loss": honest.noise_robust,
    "early stopping": honest.early_stopping,
    "DP-SGD": honest.dp_sgd,
    "pruning": honest.pruning,
    "int8": honest.quantisation,
    "deduplication": honest.deduplication,
    "outlier filter": honest.outlier_filter,
}
LAZY: dict[str, Cloud] = {
    **lazy.STOPS,
    "half the data": partial(lazy.fewer_data, share=0.5),
    "small learning rate": lazy.small_learning_rate,
    "frozen backbone": lazy.frozen_backbone,
}
CHEATING: dict[str, Cloud] = {
    f"{name} ({detector})": partial(cheat, scheme=scheme, detector=detector)
    for name, scheme in SCHEMES.items()
    for detector in ("identical block", "loss ranking")
} | {"stop, then hard samples": hard_examples}
# Where samples are uploaded in several copies.
CHEATING_BY_COPIES: dict[str, Cloud] = {
    f"{name} (near copies)": partial(cheat, scheme=scheme, detector="near copies")
    for name, scheme in SCHEMES.items()
}

__all__ = [
    "CHEATING",
    "CHEATING_BY_COPIES",
    "DETECTORS",
    "HONEST",
    "LAZY",
    "Budget",
    "Cloud",
    "Descent",
    "Fitted",
    "Predict",
    "Returned",
    "auc",
    "fit",
    "older_model",
]
