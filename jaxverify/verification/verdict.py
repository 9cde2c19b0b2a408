"""The answer to a verification, for programs, for pipelines and for people."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import numpy as np

from jaxverify import stats
from jaxverify.errors import UserError
from jaxverify.verification.cautions import one_answer

if TYPE_CHECKING:
    from rich.console import Group

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]
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


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Verdict:
    """What the extra task says of a model; a pytree, so it passes through jit and vmap.

    The arrays are scalars, or have a leading axis where checkpoints were stacked. On a device
    probabilities are float32; :meth:`to_dict` recomputes the binomial ones in float64.

    Attributes:
        num_correct: N_c, int32.
        accuracy: acc = N_c / N.
        threshold: T of the binomial test; the model passes when ``num_correct > T * N``. NaN for
            the permutation test, whose threshold depends on the answers.
        p_value: the probability of so many right answers, or more, without convergence.
        memorised_share: the estimated share of the extra samples that the model knows, without
            bias, and so negative where fewer answers are right than by guessing.
        memorised_lower: its lower bound, one-sided, at confidence 1 - alpha.
        memorised_upper: its upper bound, likewise; answers that were no class count as right here,
            so that an endpoint which breaks down makes no model FAIL.
        passed: whether p_value <= alpha, bool.
        num_unknown: answers that were no class at all, counted as wrong, int32.
        num_alike: how many answers are the commonest one, int32.
        setting: what all this rests on; static.

    Guarantee: a model that has not converged, in the sense that it knows at most the share
    epsilon of the extra samples and guesses the rest independently of their labels, passes with
    a probability of at most alpha; with balanced labels whichever it knows, and however often it
    gives each answer.
    """

    num_correct: jax.Array
    accuracy: jax.Array
    threshold: jax.Array
    p_value: jax.Array
    memorised_share: jax.Array
    memorised_lower: jax.Array
    memorised_upper: jax.Array
    passed: jax.Array
    num_unknown: jax.Array
    num_alike: jax.Array
    setting: Setting = field(metadata={"static": True})

    @property
    def outcome(self) -> Outcome:
        """PASS, FAIL or INCONCLUSIVE; of one verdict, on the host.

        Guarantee: FAIL is said only where the upper bound on the memorised share lies under
        ``setting.target_share``; where the model neither passes nor fails, it is INCONCLUSIVE.
        """
        if bool(self.passed):
            return "PASS"
        known_too_few = float(self.memorised_upper) < self.setting.target_share
        return "FAIL" if known_too_few else "INCONCLUSIVE"

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
        p_value = float(stats.p_value(int(self.num_correct), n, c, epsilon, labels))
        try:
            threshold = stats.threshold(n, c, alpha, epsilon, labels).accuracy
        except UserError:
            threshold = None
        return Sensitivity(epsilon, threshold, p_value, p_value <= alpha)

    def to_dict(self) -> dict[str, Any]:
        """One verdict as plain Python values, probabilities in float64.

        Guarantee: the memorised share and its bounds lie in [0, 1], the share within its bounds.
        """
        setting = self.setting
        n, c, correct = setting.num_samples, setting.num_classes, int(self.num_correct)
        p_value, threshold = float(self.p_value), None
        if setting.test == "binomial":
            p_value = float(stats.p_value(correct, n, c, setting.epsilon, setting.labels))
            threshold = stats.threshold(
                n, c, setting.alpha, setting.epsilon, setting.labels
            ).accuracy
        lower, _ = stats.memorised_bounds(correct, n, c, 1 - setting.alpha)
        best = correct + int(self.num_unknown)
        _, upper = stats.memorised_bounds(best, n, c, 1 - setting.alpha)
        return {
            "outcome": self.outcome,
            "passed": bool(self.passed),
            "num_correct": correct,
            "num_unknown": int(self.num_unknown),
            "num_alike": int(self.num_alike),
            "accuracy": correct / n,
            "threshold": threshold,
            "p_value": p_value,
            "memorised_share": _share(stats.memorised_share(correct, n, c)),
            "memorised_lower": _share(lower),
            "memorised_upper": _share(upper),
            **setting._asdict(),
            "cautions": [*setting.cautions, *self._one_answer()],
            "sensitivity": [row._asdict() for row in self.sensitivity()],
        }

    def _one_answer(self) -> tuple[str, ...]:
        if bool(self.passed):
            return ()
        return one_answer(int(self.num_alike), self.setting.num_samples)

    def to_json(self) -> str:
        """:meth:`to_dict` as one JSON object, valid everywhere (no NaN, no infinity)."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def __rich__(self) -> "Group":
        """A page for the terminal: ``rich.print(verdict)``."""
        from jaxverify.report.terminal import verdict_page

        return verdict_page(self.to_dict())


def _share(value: Any) -> float:
    """As people read it: fewer right answers than by guessing mean that nothing is known."""
    return float(np.clip(value, 0, 1))
