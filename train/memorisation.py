"""What a model's scores say of what it has memorised, besides how many answers are right."""

import numpy as np
from jaxtyping import Float, Int


def commonest_answer(logits: Float[np.ndarray, "n classes"]) -> float:
    """The share of the samples that are answered with the class answered most often.

    >>> commonest_answer(np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 4.0], [0.0, 1.0]]))
    0.75
    """
    return np.bincount(logits.argmax(axis=-1)).max().item() / len(logits)


def score_auc(logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, " n"]) -> float:
    """How well the scores tell the samples of a class from the others; 0.5 is ignorance.

    The probability that a sample of the class scores higher for it than one of another class
    does (the area under the ROC curve), averaged over the classes that occur.

    Extra samples share most of their features, and so a bias of the model that, as long as little
    is memorised, decides all answers alike.

    Guarantee: such a bias of the logits, common to all samples, leaves it unchanged; and so does
    one of a sample, common to all classes.

    >>> score_auc(np.array([[2.0, 1.0], [3.0, 1.0], [9.0, 1.0]]), np.array([1, 0, 0]))
    1.0
    """
    from scipy.stats import rankdata  # which is slow to import

    scores = logits.astype(np.float64)
    ranks = rankdata(scores - scores.mean(axis=-1, keepdims=True), axis=0)
    of_class = labels[:, None] == np.arange(logits.shape[1])
    inside = of_class.sum(axis=0)
    pairs = inside * (len(labels) - inside)
    wins = (ranks * of_class).sum(axis=0) - inside * (inside + 1) / 2
    return float((wins[pairs > 0] / pairs[pairs > 0]).mean())
