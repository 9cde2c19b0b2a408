"""What a customer finds out about a model that came back, by every test that is on offer."""

from typing import Any

import jax
import numpy as np

from jaxverify import Samples, keys, stats
from jaxverify.clouds import Returned, auc
from jaxverify.clouds.training import losses
from train.clouds.constructions import Protection
from train.clouds.setting import Case

ALPHA = 0.01
_TOGETHER = {
    "binomial and fits": ("binomial", "fits its data"),
    "twins and fits": ("twins", "fits its data"),
}
TESTS = ("binomial", "permutation", "twins", "scores", "fits its data", *_TOGETHER)


def together(passed: dict[str, bool]) -> dict[str, bool]:
    """What passes each single test, and what passes two of them at once."""
    both = {name: all(passed[test] for test in tests) for name, tests in _TOGETHER.items()}
    return passed | both


def examine(
    returned: Returned, case: Case, protection: Protection, own_accuracy: float, key: jax.Array
) -> dict[str, Any]:
    """Every test's verdict, with the numbers behind it.

    Args:
        returned: the cloud's.
        case: the customer's data.
        protection: what was added.
        own_accuracy: of honest training, the lower bound by local runs.
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
                keys.stream(key, "permutation"), answers.argmax(-1), extra.labels, epsilon=0.0
            )
        ),
        "twins": stats.twin_p_value(int(right.sum()), int(twins_right.sum()), n, epsilon=0.0),
        "scores": stats.rank_p_value(*scores),
    }
    passed = {name: p <= ALPHA for name, p in p_values.items()}
    p_values["fits its data"] = stats.own_p_value(num_fitted, len(case.train.labels), own_accuracy)
    passed["fits its data"] = p_values["fits its data"] > ALPHA
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
        "passed": together(passed),
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
