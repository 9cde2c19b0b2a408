"""The verdict on counted answers."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxverify import keys, stats
from jaxverify.errors import UserError
from jaxverify.report.explanation import explanation
from jaxverify.verification.base import AnyVerdict, Outcome
from jaxverify.verification.cautions import one_answer
from jaxverify.verification.counting import Asked, Count

Test = Literal["binomial", "permutation"]
_EPSILONS = (0.0, 0.01, 0.03, 0.05, 0.08)


class Setting(NamedTuple):
    """What a verdict rests on, fixed before the model is asked.

    Attributes:
        num_samples: N, the size of the extra task.
        num_classes: C.
        alpha: α, the wrong passes allowed when the model has not converged.
        epsilon: ε, the share memorised before convergence that is forgiven.
        test: "binomial" (the paper's) or "permutation".
        detectable_share: the memorised share that this test detects nine times in ten.
        fail_below: the memorised share below which the outcome is FAIL; 0 where FAIL is never
            said, as this test detects only models that know more than half.
        cautions: why the task may not carry the guarantee, as :func:`jaxverify.cautions` says.
        labels: "iid" or "balanced", as the extra task has them.
    """

    num_samples: int
    num_classes: int
    alpha: float
    epsilon: float
    test: Test
    detectable_share: float
    fail_below: float
    cautions: tuple[str, ...] = ()
    labels: stats.Labels = "iid"


class Sensitivity(NamedTuple):
    """How the binomial verdict would stand under another ε.

    ``threshold`` is T, or None where ε leaves so few samples no way to pass.
    """

    epsilon: float
    threshold: float | None
    p_value: float
    passed: bool


@dataclass(frozen=True)
class Verdict(AnyVerdict):
    """What the extra task says of a model.

    Attributes:
        outcome: PASS where p_value <= alpha; else FAIL where the upper bound on the memorised
            share lies under ``setting.fail_below``, and INCONCLUSIVE otherwise.
        num_correct: N_c.
        num_unknown: answers that were no class at all, counted as wrong.
        num_alike: how many answers are the commonest one.
        accuracy: acc = N_c / N.
        threshold: T of the binomial test; the model passes when ``num_correct > T * N``. None of
            the permutation test, whose threshold depends on the answers.
        p_value: the probability of so many right answers, or more, without convergence.
        memorised_share: the estimated share of the extra samples that the model knows.
        memorised_lower: its lower bound, one-sided, at confidence 1 - alpha.
        memorised_upper: its upper bound, at the same confidence; answers that were no class
            count as right here, so that an endpoint which breaks down makes no model FAIL.
        setting: what all this rests on.

    Guarantee: a model that has not converged, in the sense that it knows at most the share
    epsilon of the extra samples and guesses the rest independently of their labels, passes with
    a probability of at most alpha; with balanced labels whichever it knows, and however often it
    gives each answer. The memorised share and its bounds lie in [0, 1], the share within its
    bounds.
    """

    outcome: Outcome
    num_correct: int
    num_unknown: int
    num_alike: int
    accuracy: float
    threshold: float | None
    p_value: float
    memorised_share: float
    memorised_lower: float
    memorised_upper: float
    setting: Setting

    def sensitivity(self, epsilons: tuple[float, ...] | None = None) -> list[Sensitivity]:
        """The binomial verdict under other values of ε, the assumption that cannot be checked.

        Args:
            epsilons: the values to try, each in [0, 1); without them usual ones and the
                verdict's own.
        """
        if epsilons is None:
            epsilons = tuple(sorted({*_EPSILONS, self.setting.epsilon}))
        return [self._under(epsilon) for epsilon in epsilons]

    def _under(self, epsilon: float) -> Sensitivity:
        n, c, alpha = self.setting.num_samples, self.setting.num_classes, self.setting.alpha
        labels = self.setting.labels
        p_value = float(stats.p_value(self.num_correct, n, c, epsilon, labels))
        try:
            threshold = stats.threshold(n, c, alpha, epsilon, labels).accuracy
        except UserError:
            threshold = None
        return Sensitivity(epsilon, threshold, p_value, p_value <= alpha)

    def to_dict(self) -> dict[str, Any]:
        """All that it says, as plain Python values; the setting's stand beside the others."""
        plain = {
            "outcome": self.outcome,
            "passed": self.passed,
            "num_correct": self.num_correct,
            "num_unknown": self.num_unknown,
            "num_alike": self.num_alike,
            "accuracy": self.accuracy,
            "threshold": self.threshold,
            "p_value": self.p_value,
            "memorised_share": self.memorised_share,
            "memorised_lower": self.memorised_lower,
            "memorised_upper": self.memorised_upper,
            **self.setting._asdict(),
            "cautions": [*self.setting.cautions, *self._one_answer()],
            "sensitivity": [row._asdict() for row in self.sensitivity()],
        }
        return plain | explanation(plain)

    def _one_answer(self) -> tuple[str, ...]:
        return () if self.passed else one_answer(self.num_alike, self.setting.num_samples)


def judged(asked: Asked, key: jax.Array, setting: Setting) -> Verdict:
    """The verdict on answers.

    Args:
        asked: the answers, and how many are right.
        key: of the extra task; a permutation test draws from a stream of its own.
        setting: what the verdict rests on.
    """
    if setting.test == "binomial":
        return judge_count(asked.counted, setting)
    p_value = stats.permutation_p_value(
        keys.stream(key, "permutation"), asked.answers, asked.labels, epsilon=setting.epsilon
    )
    return judge_count(asked.counted, setting, float(p_value))


def judge_count(count: Count, setting: Setting, permuted: float | None = None) -> Verdict:
    """The verdict on a count, on the host in float64.

    Args:
        count: of one model.
        setting: what the verdict rests on.
        permuted: the p-value of a permutation test, if that decides.
    """
    n, c, alpha = setting.num_samples, setting.num_classes, setting.alpha
    epsilon, labels = setting.epsilon, setting.labels
    correct, unknown = int(count.num_correct), int(count.num_unknown)
    lower, _ = stats.memorised_bounds(correct, n, c, 1 - alpha)
    _, upper = stats.memorised_bounds(correct + unknown, n, c, 1 - alpha)
    threshold = stats.threshold(n, c, alpha, epsilon, labels).accuracy
    p_value = float(stats.p_value(correct, n, c, epsilon, labels)) if permuted is None else permuted
    outcome: Outcome = "FAIL" if _share(upper) < setting.fail_below else "INCONCLUSIVE"
    return Verdict(
        outcome="PASS" if p_value <= alpha else outcome,
        num_correct=correct,
        num_unknown=unknown,
        num_alike=int(count.num_alike),
        accuracy=correct / n,
        threshold=threshold if permuted is None else None,
        p_value=p_value,
        memorised_share=_share(stats.memorised_share(correct, n, c)),
        memorised_lower=_share(lower),
        memorised_upper=_share(upper),
        setting=setting,
    )


def _share(value: Any) -> float:
    """As people read it: fewer right answers than by guessing mean that nothing is known."""
    return float(np.clip(value, 0, 1))
