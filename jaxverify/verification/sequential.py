"""A verdict that is reached as soon as the answers are clear: for models that are dear to ask."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.report.explanation import explanation
from jaxverify.verification.base import AnyVerdict, Outcome, fail_below
from jaxverify.verification.cautions import one_answer


@dataclass(frozen=True)
class SequentialVerdict(AnyVerdict):
    """What the answers so far say of a model.

    Attributes:
        outcome: "PASS" once the evidence of convergence has reached 1/alpha; "FAIL" once the
            evidence against it has; "INCONCLUSIVE" before.
        num_asked: answers that were looked at: up to the one that made it clear.
        num_samples: N, how many there are to be asked.
        num_correct: of those looked at.
        num_unknown: of those looked at, answers that were no class; no evidence for a PASS, nor
            for a FAIL.
        evidence: the largest that there was for a PASS, as a natural logarithm.
        p_value: exp(-evidence), at most 1; valid whenever one stops.
        num_classes: C.
        alpha: α.
        epsilon: ε.
        fail_below: the memorised share below which a model FAILs; 0 where none does.
        cautions: what speaks against relying on it, a sentence each.

    Guarantee: a model that knows at most the share epsilon of the samples, and guesses the rest
    independently of their labels, passes with a probability of at most alpha, whenever one stops;
    and one that knows at least fail_below FAILs with a probability of at most alpha.
    """

    outcome: Outcome
    num_asked: int
    num_samples: int
    num_correct: int
    num_unknown: int
    evidence: float
    p_value: float
    num_classes: int
    alpha: float
    epsilon: float
    fail_below: float
    cautions: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All that it says, as plain Python values."""
        plain = {**asdict(self), "passed": self.passed, "test": "sequential"}
        plain |= {"cautions": list(self.cautions)}
        return plain | explanation(plain)


def judge(
    answers: Int[np.ndarray, " m"],
    labels: Int[np.ndarray, " n"],
    num_classes: int,
    *,
    alpha: float = 0.01,
    epsilon: float = 0.03,
    finished_share: float | None = None,
    cautions: tuple[str, ...] = (),
    kind: stats.Labels = "iid",
) -> SequentialVerdict:
    """The verdict on the first answers, in the order in which they were asked.

    Args:
        answers: class indices of the first m samples, m <= n; any other number is no class.
        labels: of all samples, in an order that was drawn without looking at the model.
        num_classes: C.
        alpha: α.
        epsilon: ε.
        finished_share: what finished models were seen to know at least: one that knows less FAILs.
            Without it, one FAILs that knows less than a binomial test of all n answers detects nine
            times in ten; and none does if that is more than half.
        kind: of the labels, "iid" or "balanced".
        cautions: to be passed on. A model that FAILs with one answer to nearly all has one more.

    Raises:
        UserError: if there are more answers than samples, or a value is out of its range.

    Guarantee: once it is clear, further answers change nothing, so that it does not matter how
    many are asked at once.

    >>> labels = np.arange(200) % 4
    >>> judge(labels[:20], labels, 4).outcome, judge(labels[:3], labels, 4).outcome
    ('PASS', 'INCONCLUSIVE')
    >>> judge(labels[:20], labels, 4).num_asked
    5
    """
    n = len(labels)
    if len(answers) > n:
        raise UserError(f"there are {len(answers)} answers to {n} samples")
    detectable = stats.detectable_share(n, num_classes, alpha, epsilon, labels=kind)
    below = fail_below(detectable, finished_share)
    unknown = np.concatenate([[0], np.cumsum((answers < 0) | (answers >= num_classes))])
    right = np.concatenate([[0], np.cumsum(answers == labels[: len(answers)])])
    asked = np.arange(len(answers) + 1)
    evidence = stats.evidence_of_convergence(
        right, asked, num_classes, epsilon, n if kind == "balanced" else None
    )
    against = stats.evidence_against(right + unknown, asked, num_classes, below or 1.0)
    enough = -math.log(alpha)
    passed, failed = _first(evidence >= enough), _first((against >= enough) & (below > 0))
    outcome: Outcome = "INCONCLUSIVE"
    if min(passed, failed) <= len(answers):
        outcome = "PASS" if passed <= failed else "FAIL"
    end = min(passed, failed, len(answers))
    best = float(evidence[: end + 1].max())
    if outcome == "FAIL":
        known = answers[:end][(answers[:end] >= 0) & (answers[:end] < num_classes)]
        cautions += one_answer(int(np.bincount(known, minlength=1).max()), end)
    return SequentialVerdict(
        outcome=outcome,
        num_asked=end,
        num_samples=n,
        num_correct=int(right[end]),
        num_unknown=int(unknown[end]),
        evidence=best,
        p_value=math.exp(-best),
        num_classes=num_classes,
        alpha=alpha,
        epsilon=epsilon,
        fail_below=below,
        cautions=cautions,
    )


def _first(reached: np.ndarray) -> int:
    """The first index that is true; one too many where none is."""
    return int(np.argmax(reached)) if reached.any() else len(reached)
