"""The verdict on counted answers."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.verification.base import AnyVerdict, Outcome
from jaxverify.verification.cautions import one_answer

Test = Literal["binomial", "permutation"]


class Setting(NamedTuple):
    """What a verdict rests on, fixed before the model is asked.

    Attributes:
        num_samples: N, the size of the extra task.
        num_classes: C.
        alpha: α, the wrong passes allowed when the model has not converged.
        epsilon: ε, the share memorised before convergence that is forgiven.
        test: "binomial" (the paper's) or "permutation".
        target_share: the memorised share that a converged model is expected to reach; a FAIL
            says that the model lies below it.
        cautions: why the task may not carry the guarantee, as :func:`jaxverify.cautions` says.
        labels: "iid" or "balanced", as the extra task has them.
    """

    num_samples: int
    num_classes: int
    alpha: float
    epsilon: float
    test: Test
    target_share: float
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
            share lies under ``setting.target_share``, and INCONCLUSIVE otherwise.
        num_correct: N_c.
        num_unknown: answers that were no class at all, counted as wrong.
        num_alike: how many answers are the commonest one.
        accuracy: acc = N_c / N.
        threshold: T of the binomial test; the model passes when ``num_correct > T * N``. None of
            the permutation test, whose threshold depends on the answers.
        p_value: the probability of so many right answers, or more, without convergence.
        memorised_share: the estimated share of the extra samples that the model knows.
        memorised_lower: its lower bound, one-sided, at confidence 1 - alpha.
        memorised_upper: its upper bound, likewise; answers that were no class count as right here,
            so that an endpoint which breaks down makes no model FAIL.
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

    def sensitivity(
        self, epsilons: tuple[float, ...] = (0.0, 0.01, 0.03, 0.05, 0.08)
    ) -> list[Sensitivity]:
        """The binomial verdict under other values of ε, the assumption that cannot be checked.

        Args:
            epsilons: the values to try, each in [0, 1).
        """
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
        return {
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

    def _one_answer(self) -> tuple[str, ...]:
        return () if self.passed else one_answer(self.num_alike, self.setting.num_samples)
