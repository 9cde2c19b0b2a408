"""What a classifier's logits say: the odds for a label, answers without bias, how sure it is."""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax, logsumexp

from jaxverify.errors import UserError

# How far the logarithm of the temperature may lie from that of the largest logit.
_WIDEST = 10.0

Logits = Float[np.ndarray, "n num_classes"]


def log_odds(logits: Logits, labels: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The logarithm of the odds that a classifier gives for each label.

    Args:
        logits: of the classes.
        labels: in [0, num_classes).

    >>> log_odds(np.log([[0.8, 0.1, 0.1]]), np.array([0])).round(3)  # 4 to 1
    array([1.386])
    """
    own = np.arange(logits.shape[1]) == labels[:, None]
    return logits[own] - logsumexp(np.where(own, -np.inf, logits), axis=1)


def unbiased_answers(logits: Logits, twin_logits: Logits) -> Int[np.ndarray, " n"]:
    """The class that is favoured more than usual, so that a bias for one class decides nothing.

    Of the margin by which each class stands above the best of the others, the median over the
    twins is taken off, and the class with the largest rest is the answer.

    Args:
        logits: of the samples that are asked.
        twin_logits: of samples like them that nobody was given.

    Returns:
        Class indices; -1 where the logits are not numbers.

    Guarantee: nothing changes where all logits are multiplied by one positive number, nor, of two
    classes, where to each of all logits of a class the same is added. The answers depend on no
    label, so that a model which does not know those of the samples can only guess them.

    >>> logits, twin_logits = np.array([[[5.0, 1.0], [9.0, 1.0]], [[7.0, 1.0], [7.0, 1.0]]])
    >>> unbiased_answers(logits, twin_logits)
    array([1, 0])
    """
    known, twins_known = (~np.isnan(each).any(axis=1) for each in (logits, twin_logits))
    if not twins_known.any():
        return np.full(len(logits), -1)
    usual = np.median(_margins(twin_logits[twins_known]), axis=0)
    with np.errstate(invalid="ignore"):  # infinite as usual: the logarithm of a probability of 0
        rest = np.nan_to_num(_margins(logits) - usual, nan=0.0, posinf=np.inf, neginf=-np.inf)
    return np.where(known, rest.argmax(axis=1), -1)


def temperature(logits: Logits, labels: Int[np.ndarray, " n"]) -> float:
    """What its logits must be divided by for a classifier to be as sure as it is right.

    It makes the cross entropy smallest (Guo et al., "On calibration of modern neural networks",
    2017, T): above 1, the classifier is too sure of itself.

    Args:
        logits: of samples that it was not given.
        labels: theirs, in [0, num_classes).

    Raises:
        UserError: if there are no samples, or a logit is not finite.

    Guarantee: of logits that are multiplied by a positive number it is so many times as large, up
    to rounding.

    >>> logits, labels = np.log([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])
    >>> round(temperature(logits, labels), 3)  # sure as 9 to 1, right as 3 to 1
    2.0
    """
    if not len(logits):
        raise UserError("a temperature needs samples, and there are none")
    if not np.isfinite(logits).all():
        raise UserError(
            "the model gave logits for held-out samples that are infinite or no numbers; of "
            "probabilities, take the logarithms, of 1e-30 at least"
        )
    centred = logits - logits.mean(axis=1, keepdims=True)
    largest = float(np.abs(centred).max())
    if largest == 0:
        return 1.0
    from scipy.optimize import minimize_scalar  # which is slow to import

    own = np.arange(logits.shape[1]) == labels[:, None]

    def cross_entropy(log_temperature: float) -> float:
        divided = centred / largest / math.exp(log_temperature)
        return -float(log_softmax(divided, axis=1)[own].mean())

    found = minimize_scalar(cross_entropy, bounds=(-_WIDEST, _WIDEST), method="bounded")
    return largest * math.exp(found.x)


def _margins(logits: Logits) -> Logits:
    """How far each logit lies above the largest of the others; below zero but for one of them."""
    best = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, None]
    second = np.where(best, -np.inf, logits).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return logits - np.where(best, second, logits.max(axis=1, keepdims=True))
