"""What a customer finds out about a model that came back, by every test that is on offer."""

from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.stats import beta, binom

from jaxverify import Samples, UserError, keys, stats
from jaxverify.clouds import Returned, auc
from jaxverify.clouds.training import losses
from train.threats.constructions import Protection
from train.threats.setting import Case

ALPHA = 0.01
TESTS = ("binomial", "permutation", "twins", "scores", "fits its data", "twins and fits")


class Envelope(NamedTuple):
    """How well honest training fits what it was given, by small local runs.

    Attributes:
        accuracy: the lower bound, at confidence 1 - alpha, on the accuracy that honest local models
            reach on their own training samples.
        runs: the accuracy of each.
    """

    accuracy: float
    runs: tuple[float, ...]


def envelope(counts: list[tuple[int, int]]) -> Envelope:
    """From ``(right answers, samples)`` of each local run; Clopper and Pearson's bound on all.

    >>> round(envelope([(100, 100), (99, 100)]).accuracy, 4)
    0.9674
    """
    right, total = (sum(column) for column in zip(*counts, strict=True))
    if not 0 < right <= total:
        raise UserError(f"local runs answered {right} of {total} training samples: no envelope")
    lower = beta.ppf(ALPHA, right, total - right + 1)
    return Envelope(float(lower), tuple(k / n for k, n in counts))


def fits(num_right: int, num_samples: int, honest: Envelope) -> float:
    """The probability that an honest model answers no more of its training samples rightly.

    Guarantee: where the envelope holds, a model at least as accurate on its training samples gets a
    value of at most alpha with a probability of at most alpha.
    """
    return float(binom.cdf(num_right, num_samples, honest.accuracy))


def examine(
    returned: Returned, case: Case, protection: Protection, honest: Envelope, key: jax.Array
) -> dict[str, Any]:
    """Every test's verdict, with the numbers behind it.

    Args:
        returned: the cloud's.
        case: the customer's data.
        protection: what was added.
        honest: the envelope of local runs.
        key: for the permutations.
    """
    extra, twins = protection.extra, protection.twins
    n, num_classes = len(extra.labels), case.budget.num_classes
    answers, on_twins = returned.predict(extra.features), returned.predict(twins.features)
    right = answers.argmax(-1) == extra.labels
    twins_right = on_twins.argmax(-1) == twins.labels
    on_train = returned.predict(case.train.features)
    on_held_out = returned.predict(case.held_out.features)
    num_fitted = _count(on_train, case.train)
    scores = -losses(answers, extra.labels), -losses(on_twins, twins.labels)
    p_values = {
        "binomial": float(stats.p_value(int(right.sum()), n, num_classes)),
        "permutation": float(
            stats.permutation_p_value(
                keys.stream(key, "permutation"), answers.argmax(-1), extra.labels
            )
        ),
        "twins": stats.twin_p_value(int(right.sum()), int(twins_right.sum()), n),
        "scores": stats.rank_p_value(*scores),
    }
    passed = {name: p <= ALPHA for name, p in p_values.items()}
    p_values["fits its data"] = fits(num_fitted, len(case.train.labels), honest)
    passed["fits its data"] = p_values["fits its data"] > ALPHA
    passed["twins and fits"] = passed["twins"] and passed["fits its data"]
    gaps = losses(on_train, case.train.labels), losses(on_held_out, case.held_out.labels)
    rungs = [
        {
            "repeats": int(times),
            "num_samples": int((protection.repeats == times).sum()),
            "num_correct": int(right[protection.repeats == times].sum()),
        }
        for times in np.unique(protection.repeats)
    ]
    return {
        "passed": passed,
        "p_values": p_values,
        "extra_accuracy": float(right.mean()),
        "twin_accuracy": float(twins_right.mean()),
        "score_auc": stats.auc(*scores),
        "train_accuracy": num_fitted / len(case.train.labels),
        "held_out_accuracy": _count(on_held_out, case.held_out) / len(case.held_out.labels),
        "test_accuracy": _count(returned.predict(case.test.features), case.test)
        / len(case.test.labels),
        # How often a held-out real sample has a higher loss than an uploaded one.
        "membership_auc": auc(np.concatenate(gaps), len(gaps[0]) + np.arange(len(gaps[1]))),
        "rungs": rungs,
    }


def _count(logits: np.ndarray, samples: Samples) -> int:
    return int((logits.argmax(-1) == samples.labels).sum())
