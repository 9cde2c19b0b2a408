"""What callers have in Python: tuples, lists and texts work, or are errors that say what to do."""

import jax
import numpy as np
import pytest

from jaxverify import (
    ExtraTask,
    Samples,
    UserError,
    generate,
    mix,
    verify,
    verify_scores,
)
from jaxverify.task.natural import generate_from
from jaxverify.verification import verify_answers

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
FEATURES = RNG.random((500, 24)).astype(np.float32)
LABELS = np.arange(500) % 4
TASK = ExtraTask.for_dataset((FEATURES, LABELS), eta=0.1)
EXTRA = generate(KEY, TASK)

pytestmark = pytest.mark.usefixtures("untyped_caller")


@pytest.mark.parametrize(
    "dataset",
    [
        (FEATURES, LABELS),
        [FEATURES, LABELS],
        (FEATURES.tolist(), LABELS.tolist()),
        Samples(FEATURES, LABELS),
        (jax.numpy.asarray(FEATURES), jax.numpy.asarray(LABELS)),
    ],
    ids=["tuple", "list", "lists", "samples", "jax"],
)
def test_a_data_set_is_a_pair_of_arrays_or_lists(dataset):
    assert ExtraTask.for_dataset(dataset, eta=0.1) == TASK
    mixed, expected = mix(KEY, dataset, tuple(EXTRA)), mix(KEY, Samples(FEATURES, LABELS), EXTRA)
    assert np.array_equal(mixed.samples.features, expected.samples.features)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (FEATURES, "dataset is a ndarray; it is a pair"),
        ((FEATURES,), "dataset is a tuple; it is a pair"),
        ({"features": FEATURES}, "dataset is a dict; it is a pair"),
        ((FEATURES, ["cat", "dog"] * 250), "labels are texts, such as cat: give the index of each"),
        ((FEATURES, np.array(["a", "b"] * 250, object)), "labels are texts, such as a"),
        ((FEATURES, LABELS / 2), "labels are of shape .500,. and type float"),
        ((FEATURES, np.eye(4)[LABELS]), "labels are of shape .500, 4."),
        ((FEATURES, LABELS[:9]), "500 samples and 9 labels"),
        ((FEATURES, LABELS - 1), "labels go down to -1"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "features are no array"),
        ((["a text", "another"], [0, 1]), "are neither images"),
        ((FEATURES[:0], LABELS[:0]), "has no samples"),
    ],
)
def test_what_is_no_data_set_is_an_error_that_says_what_to_do(dataset, message):
    with pytest.raises(UserError, match=message):
        ExtraTask.for_dataset(dataset, eta=0.1)


@pytest.mark.parametrize(
    ("scale", "shift", "stands_out"),
    [(1, 0, False), (8, -4, False), (2500, 0, True), (0.5, 3, True), (0.5, -3, True)],
)
def test_columns_of_another_range_than_the_extra_samples_are_an_error(scale, shift, stands_out):
    features = FEATURES.copy()
    features[:, 7] = features[:, 7] * scale + shift
    if stands_out:
        with pytest.raises(UserError, match=r"column 7 of the data runs from .* scale each column"):
            mix(KEY, (features, LABELS), EXTRA)
    else:
        assert len(mix(KEY, (features, LABELS), EXTRA).samples.labels) == 550


def test_answers_may_be_lists_and_texts_are_an_error():
    right = np.asarray(EXTRA.labels)
    assert verify_answers(right.tolist(), KEY, TASK) == verify(lambda x: right.tolist(), KEY, TASK)
    with pytest.raises(UserError, match="answers are of type <U3; they are class indices"):
        verify_answers(["cat"] * 50, KEY, TASK)
    with pytest.raises(UserError, match=r"type <U3 for 50 samples; logits .* or integer labels"):
        verify(lambda x: ["cat"] * len(x), KEY, TASK)


def test_held_out_samples_and_pools_may_be_lists():
    def logits(features):
        return np.asarray(features)[:, :4]

    held_out = ((FEATURES[:100]).tolist(), LABELS[:100].tolist())
    assert verify_scores(logits, KEY, TASK, held_out=held_out).temperature is not None
    with pytest.raises(UserError, match="held_out is a list; it is a pair"):
        verify_scores(logits, KEY, TASK, held_out=FEATURES.tolist())
    task = ExtraTask("text", (40,), 4, 60, vocab_size=30)
    pool = RNG.integers(2, 30, (20, 40))
    made = [
        generate_from(each, key=KEY, task=task, style="phrases") for each in (pool, pool.tolist())
    ]
    assert np.array_equal(made[0].features, made[1].features)
