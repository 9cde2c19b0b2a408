"""The verdict on scores: are those of the extra samples better than those of their twins?"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxverify import stats
from jaxverify.report.explanation import explanation
from jaxverify.stats.binomial import check_epsilon
from jaxverify.verification.base import AnyVerdict, Outcome
from jaxverify.verification.logits import log_odds, unbiased_answers


@dataclass(frozen=True)
class ScoreVerdict(AnyVerdict):
    """What the errors on the extra samples, beside those on their twins, say of a model.

    Attributes:
        outcome: PASS where p_value <= alpha; otherwise NO POWER, as nothing is shown.
        p_value: the probability of errors so small, were no more than the share forgiven gone; of
            a classifier that of so many right answers, if it is larger (:func:`judge_logits`).
        auc: the probability that the error on an extra sample is smaller than that on a twin,
            whatever is forgiven; 0.5 is chance.
        auc_lower: its lower bound, one-sided, at confidence 1 - alpha.
        auc_upper: its upper bound, at the same confidence.
        memorised: the share of the error on the extra samples that is gone, beside that on their
            twins, in the geometric mean.
        num_samples: N, extra samples, and as many twins.
        alpha: α.
        forgiven: the share of the error that may be gone before convergence.
        num_correct: of a classifier, the extra samples that it answers rightly once its bias for
            some class is taken off; None of others.
        temperature: of a classifier that was asked for held-out samples too, what all its logits
            were divided by: above 1, it was too sure of itself on these; None of others.
        cautions: what speaks against relying on it, a sentence each.

    Guarantee: where each error on an extra sample, over 1 - forgiven, may have changed places with
    that on its twin without anybody's seeing it, a pass has a probability of at most alpha. No
    model FAILs: many cannot memorise at all.
    """

    outcome: Outcome
    p_value: float
    auc: float
    auc_lower: float
    auc_upper: float
    memorised: float
    num_samples: int
    alpha: float
    forgiven: float
    num_correct: int | None = None
    temperature: float | None = None
    cautions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All that it says, as plain Python values."""
        plain = {"outcome": self.outcome, "passed": self.passed, "test": "rank", **asdict(self)}
        plain |= {"cautions": list(self.cautions)}
        return plain | explanation(plain)


def judge_logits(
    logits: Float[np.ndarray, "n num_classes"],
    twin_logits: Float[np.ndarray, "n num_classes"],
    labels: Int[np.ndarray, " n"],
    *,
    alpha: float = 0.01,
    forgiven: float = 0.5,
) -> ScoreVerdict:
    """The verdict on a classifier's logits that were given elsewhere.

    The errors are the odds against the labels. But a cloud may multiply all logits by a large
    number, which changes no answer, and makes of any difference in the odds more than is forgiven.
    So a model must also answer more of the extra samples rightly than one that knows the same share
    of them and guesses the others (eq. 3), once its bias for some class is taken off
    (:func:`jaxverify.verification.logits.unbiased_answers`).

    Args:
        logits: of the extra samples in order.
        twin_logits: of their twins, in the same order.
        labels: of both.
        alpha: α, the significance level.
        forgiven: the share of the odds that may be gone, and of the samples that may be known.

    Raises:
        UserError: if there is not one twin for each sample, or a value is out of its range.

    Guarantee: that of :class:`ScoreVerdict`; and whatever number its logits are multiplied by, a
    model that knows at most the share forgiven of the extra samples and guesses the rest
    independently of their labels passes with a probability of at most alpha.

    >>> labels = np.arange(100) % 2
    >>> twin_logits = np.random.default_rng(0).normal(size=(100, 2))
    >>> for known in (0.8, 4.0):
    ...     logits = twin_logits[::-1] + known * np.eye(2)[labels]
    ...     [judge_logits(c * logits, c * twin_logits, labels).outcome for c in (1, 1000)]
    ['NO POWER', 'NO POWER']
    ['PASS', 'PASS']
    """
    scores, twin_scores = (log_odds(each, labels) for each in (logits, twin_logits))
    verdict = judge_scores(scores, twin_scores, alpha=alpha, forgiven=forgiven)
    num_correct = int((unbiased_answers(logits, twin_logits) == labels).sum())
    by_answers = float(stats.p_value(num_correct, len(labels), logits.shape[1], forgiven))
    p_value = max(verdict.p_value, by_answers)
    outcome: Outcome = "PASS" if p_value <= alpha else "NO POWER"
    return replace(verdict, outcome=outcome, p_value=p_value, num_correct=num_correct)


def judge_scores(
    scores: Float[np.ndarray, " n"],
    twin_scores: Float[np.ndarray, " n"],
    *,
    alpha: float = 0.01,
    forgiven: float = 0.5,
) -> ScoreVerdict:
    """The verdict on scores that were given elsewhere.

    Args:
        scores: of the extra samples in order, minus the logarithm of an error; NaN is the lowest.
        twin_scores: of their twins, in the same order.
        alpha: α, the significance level.
        forgiven: the share of the error that may be gone before convergence.

    Raises:
        UserError: if there is not one twin for each sample, or a value is out of its range.

    Guarantee: that of :class:`ScoreVerdict`.

    >>> twin_scores = np.linspace(0, 2, 100)
    >>> [judge_scores(twin_scores + more, twin_scores).outcome for more in (0.6, 0.8)]
    ['NO POWER', 'PASS']
    """
    check_epsilon(forgiven, "forgiven")
    auc = stats.auc(scores, twin_scores)
    lower, upper = stats.auc_bounds(auc, len(scores), 1 - alpha)
    p_value = stats.rank_p_value(scores + math.log1p(-forgiven), twin_scores, epsilon=0.0)
    with np.errstate(invalid="ignore", over="ignore"):  # no share of errors that are all 0
        gone = float(np.nan_to_num(1 - np.exp(twin_scores.mean() - scores.mean())))
    return ScoreVerdict(
        outcome="PASS" if p_value <= alpha else "NO POWER",
        p_value=p_value,
        auc=auc,
        auc_lower=lower,
        auc_upper=upper,
        memorised=gone,
        num_samples=len(scores),
        alpha=alpha,
        forgiven=forgiven,
    )
