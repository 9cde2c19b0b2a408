"""How often models that have not converged pass, simulated.

A rate is compared with alpha at the number of passes that a test of size alpha exceeds with a
probability of one in a million; the seeds are fixed.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxverify import stats

pytestmark = pytest.mark.optimized

TRIALS = 20_000
SETTINGS = [(400, 10), (400, 100), (200, 2), (960, 4)]


def most_passes(trials, alpha):
    return scipy.stats.binom.isf(1e-6, trials, alpha)


def draw_labels(rng, kind, trials, num_samples, num_classes):
    if kind == "iid":
        return rng.integers(num_classes, size=(trials, num_samples), dtype=np.int8)
    in_order = np.arange(num_samples, dtype=np.int8) % num_classes
    return rng.permuted(np.tile(in_order, (trials, 1)), axis=1)


def commonest(labels, num_classes):
    """The commonest label of each row, as a constant answer chosen with the labels in sight."""
    counts = np.stack([(labels == c).sum(axis=1) for c in range(num_classes)], axis=1)
    return np.broadcast_to(counts.argmax(axis=1, keepdims=True), labels.shape)


def guess(rng, answers, labels, num_classes):
    if answers == "independent":
        return rng.integers(num_classes, size=labels.shape, dtype=np.int8)
    if answers == "constant":
        return np.broadcast_to(np.int8(1), labels.shape)
    return commonest(labels, num_classes)


def binomial_passes(labels, num_classes, answers, known_share, seed):
    """How often models pass which know a share of the labels and answer the rest as told."""
    rng = np.random.default_rng(seed)
    known = rng.random(labels.shape, np.float32) < known_share
    correct = (known | (guess(rng, answers, labels, num_classes) == labels)).sum(axis=1)
    return int((correct > stats.threshold(labels.shape[1], num_classes).count).sum())


@pytest.mark.parametrize(("num_samples", "num_classes"), SETTINGS)
@pytest.mark.parametrize("kind", ["iid", "balanced"])
def test_wrong_passes_of_the_binomial_test_stay_within_alpha(num_samples, num_classes, kind):
    rng = np.random.default_rng(num_samples + num_classes)
    labels = draw_labels(rng, kind, TRIALS, num_samples, num_classes)
    for seed, answers in enumerate(["independent", "constant"]):
        for known_share in (0.0, 0.03):
            passes = binomial_passes(labels, num_classes, answers, known_share, seed)
            assert passes <= most_passes(TRIALS, 0.01), (answers, known_share)


@pytest.mark.parametrize(
    ("num_samples", "num_classes", "documented"),
    [(400, 10, 0.071), (400, 100, 0.089), (960, 4, 0.037), (200, 2, 0.019)],
)
def test_known_limit_the_commonest_label_passes_too_often_unless_labels_are_balanced(
    num_samples, num_classes, documented
):
    rng = np.random.default_rng(num_samples + num_classes)
    iid = draw_labels(rng, "iid", TRIALS, num_samples, num_classes)
    passes = binomial_passes(iid, num_classes, "commonest", 0.03, seed=0)
    assert passes > most_passes(TRIALS, 0.01)
    assert passes / TRIALS == pytest.approx(documented, abs=0.005)

    balanced = draw_labels(rng, "balanced", TRIALS, num_samples, num_classes)
    passes = binomial_passes(balanced, num_classes, "commonest", 0.03, seed=0)
    assert passes <= most_passes(TRIALS, 0.01)


def permutation_p_values(seed, predictions, labels, num_permutations, epsilon=0.0):
    """One p-value a row, each with a key of its own."""
    keys = jax.random.split(jax.random.key(seed), len(labels))
    test = permutation_test(num_permutations, epsilon)
    return np.asarray(test(keys, jnp.int32(predictions), jnp.int32(labels)))


@cache
def permutation_test(num_permutations, epsilon):
    options = {"num_permutations": num_permutations, "epsilon": epsilon}
    return jax.jit(jax.vmap(partial(stats.permutation_p_value, **options)))


@pytest.mark.parametrize("kind", ["iid", "balanced"])
@pytest.mark.parametrize("num_classes", [2, 10])
def test_wrong_passes_of_the_permutation_test_stay_within_alpha(kind, num_classes):
    trials, num_samples = 2_000, 60
    rng = np.random.default_rng(num_classes)
    labels = draw_labels(rng, kind, trials, num_samples, num_classes)
    predictions = guess(rng, "independent", labels, num_classes)
    p_values = permutation_p_values(0, predictions, labels, num_permutations=99)
    for alpha in (0.01, 0.05, 0.2, 0.5):
        passes = (p_values <= np.float32(alpha)).sum()
        assert passes <= most_passes(trials, alpha)
        if alpha > 0.01:  # within alpha, but not far below it: it is no test that never passes
            assert passes >= 0.5 * alpha * trials


@pytest.mark.parametrize("kind", ["iid", "balanced"])
@pytest.mark.parametrize("answers", ["constant", "commonest"])
def test_a_constant_answer_never_passes_the_permutation_test(kind, answers):
    rng = np.random.default_rng(0)
    labels = draw_labels(rng, kind, 200, 60, 10)
    predictions = guess(rng, answers, labels, 10)
    assert (permutation_p_values(0, predictions, labels, num_permutations=99) == 1).all()


@pytest.mark.parametrize("num_classes", [2, 10])
@pytest.mark.parametrize("known_class", [None, 0])
@pytest.mark.parametrize("answers", ["independent", "constant"])
def test_a_model_that_knows_epsilon_passes_the_permutation_test_within_alpha(
    num_classes, known_class, answers
):
    """The hardest case knows samples of one class, and never answers that class to the others."""
    trials, num_samples, epsilon = 2_000, 60, 0.1
    rng = np.random.default_rng(num_classes)
    labels = draw_labels(rng, "iid", trials, num_samples, num_classes)
    if known_class is not None:
        labels[:, :6] = known_class
    predictions = np.array(guess(rng, answers, labels, num_classes))
    predictions[:, :6] = labels[:, :6]
    p_values = permutation_p_values(0, predictions, labels, 99, epsilon)
    for alpha in (0.01, 0.05, 0.2, 0.5):
        assert (p_values <= np.float32(alpha)).sum() <= most_passes(trials, alpha)
    forgiving_nothing = permutation_p_values(0, predictions, labels, 99)
    # An answer to nothing but the known samples is a constant one with one class.
    assert (forgiving_nothing <= np.float32(0.05)).sum() > most_passes(trials, 0.05)


def test_permutation_test_sees_a_share_that_is_not_forgiven():
    rng = np.random.default_rng(0)
    labels = draw_labels(rng, "balanced", 100, 400, 100)
    known = rng.random(labels.shape) < 0.03
    predictions = np.where(known, labels, guess(rng, "independent", labels, 100))
    p_values = permutation_p_values(0, predictions, labels, num_permutations=199)
    assert (p_values <= 0.01).mean() > 0.5
    forgiven = permutation_p_values(0, predictions, labels, num_permutations=199, epsilon=0.03)
    assert not (forgiven <= 0.01).any()


def test_a_model_that_knows_epsilon_passes_the_twins_test_within_alpha():
    for n, q, known in ((60, 0.5, 6), (100, 0.1, 3), (100, 0.9, 3)):
        rng = np.random.default_rng(n)
        right = known + rng.binomial(n - known, q, 20_000)
        of_twins = rng.binomial(n, q, 20_000)
        pairs, index = np.unique(np.stack([right, of_twins]), axis=1, return_inverse=True)
        both = [
            [stats.twin_p_value(int(a), int(b), n, epsilon) for a, b in pairs.T]
            for epsilon in (known / n, 0.0)
        ]
        forgiven, strict = np.array(both)[:, index]
        for alpha in (0.01, 0.05):
            assert (forgiven <= alpha).sum() <= most_passes(20_000, alpha)
            assert (forgiven <= alpha).sum() < (strict <= alpha).sum()
