"""verify: the same answer everywhere, and no pass that was not earned."""

import io
import json
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rich.console
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import ExtraTask, TrainedModel, UserError, count, generate, judge, stats, verify
from jaxverify.verification.counting import Count

KEY = jax.random.key(11)
TASK = ExtraTask("vector", (30,), num_classes=10, num_samples=400)
LARGE = ExtraTask("vector", (30,), num_classes=10, num_samples=1300)  # more than two batches
LABELS = np.asarray(generate(KEY, TASK).labels)
LIMIT = stats.threshold(400, 10).count


@dataclass(frozen=True)
class Recall:
    """A model whose parameters are its answers: it looks a sample up by its last feature."""

    task: ExtraTask

    def __call__(self, logits, features):
        known = generate(KEY, self.task).features[:, -1]
        return logits[jnp.argmin(jnp.abs(features[:, -1:] - known[None]), axis=1)]


def answering(num_correct: int) -> np.ndarray:
    """Labels of which the first ``num_correct`` are right."""
    return np.where(np.arange(400) < num_correct, LABELS, (LABELS + 1) % 10)


def model(num_correct: int) -> TrainedModel:
    return TrainedModel(jax.nn.one_hot(answering(num_correct), 10), Recall(TASK), TASK)


def asked(num_correct: int, **options):
    return verify(predict=lambda features: answering(num_correct), key=KEY, task=TASK, **options)


@given(st.integers(0, 400))
@settings(max_examples=30)
def test_a_model_passes_exactly_when_it_answers_more_than_the_threshold_count(num_correct):
    verdict = asked(num_correct)
    assert int(verdict.num_correct) == num_correct
    assert bool(verdict.passed) == (num_correct > LIMIT)
    assert bool(verdict.passed) == (float(verdict.to_dict()["p_value"]) <= 0.01)
    assert bool(verdict.passed) == (verdict.to_dict()["memorised_lower"] >= 0.03)
    assert (verdict.outcome == "PASS") == bool(verdict.passed)


def test_at_the_threshold_itself_nothing_passes():
    assert not asked(67).passed
    assert asked(68).passed
    assert float(asked(67).threshold) == pytest.approx(0.1675)


def test_the_counts_are_the_same_under_jit_and_under_vmap_over_stacked_models():
    counts = [0, 40, 67, 68, 400]
    plain = [count(model(number), KEY) for number in counts]
    jitted = [jax.jit(count)(model(number), KEY) for number in counts]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[model(c) for c in counts])
    vmapped = jax.vmap(count, in_axes=(0, None))(stacked, KEY)
    assert vmapped.num_correct.tolist() == counts
    for i, (one, two) in enumerate(zip(plain, jitted, strict=True)):
        three = jax.tree.map(lambda leaf, i=i: leaf[i], vmapped)
        assert one == two == three
        assert judge(three, TASK) == verify(model(counts[i]), KEY)
    with pytest.raises(UserError, match=r"counts are of shape \(5,\): give those of one model"):
        judge(vmapped, TASK)


def test_a_verdict_is_plain_values_equal_to_those_of_its_dict():
    for test in ("binomial", "permutation"):
        verdict = asked(80, test=test)
        for name, value in verdict.to_dict().items():
            assert type(value) in (str, bool, int, float, list, type(None))
            if name not in ("cautions", "sensitivity", "meaning", "reasons", "next_steps"):
                assert value == getattr(verdict, name, getattr(verdict.setting, name, None))


def test_the_model_may_be_a_callable_or_parameters_for_predict():
    labels = answering(80)
    expected = asked(80)
    assert verify(lambda features: labels, KEY, TASK) == expected
    assert verify(labels, KEY, TASK, predict=lambda params, features: params) == expected
    assert verify(model(80), KEY) == expected


def test_batches_are_put_together_in_order():
    labels = generate(KEY, LARGE).labels
    seen = []

    def predict(features):
        start = sum(seen)
        seen.append(len(features))
        return labels[start : start + len(features)]

    assert int(verify(predict=predict, key=KEY, task=LARGE).num_correct) == 1300
    assert seen == [512, 512, 276]


def test_predict_and_task_override_what_the_model_brings():
    other = ExtraTask("vector", (30,), num_classes=10, num_samples=100)
    verdict = verify(
        model(400), KEY, task=other, predict=lambda params, x: jnp.zeros(len(x), jnp.int32)
    )
    assert verdict.setting.num_samples == 100
    assert int(verdict.num_correct) == int((generate(KEY, other).labels == 0).sum())


def test_another_key_asks_another_extra_task():
    assert not verify(model(400), jax.random.key(12)).passed
    assert verify(model(400), KEY).passed


@pytest.mark.parametrize("test", ["binomial", "permutation"])
def test_unknown_answers_are_wrong_and_counted(test):
    labels = np.array(answering(400))
    labels[:50], labels[50:100] = -7, 10
    verdict = verify(predict=lambda x: labels, key=KEY, task=TASK, test=test)
    assert int(verdict.num_unknown) == 100
    assert int(verdict.num_correct) == 300
    nan = np.full((400, 10), np.nan)
    verdict = verify(predict=lambda x: nan, key=KEY, task=TASK, test=test)
    assert int(verdict.num_unknown) == 400
    assert not verdict.passed


def test_a_constant_answer_never_passes_the_permutation_test():
    commonest = np.full(400, np.bincount(LABELS).argmax())
    verdict = verify(predict=lambda x: commonest, key=KEY, task=TASK, test="permutation")
    assert float(verdict.p_value) == 1


def test_fail_is_said_only_where_the_upper_bound_lies_under_what_it_detects():
    outcomes = [asked(number).outcome for number in range(401)]
    assert outcomes.count("PASS") == 400 - LIMIT
    for number, outcome in enumerate(outcomes):
        upper = float(stats.memorised_bounds(number, 400, 10, 0.99)[1])
        share = stats.detectable_share(400, 10)
        expected = "PASS" if number > LIMIT else "FAIL" if upper < share else "INCONCLUSIVE"
        assert outcome == expected
    assert outcomes[40] == "FAIL"
    assert outcomes[LIMIT] == "INCONCLUSIVE"
    assert asked(LIMIT, finished_share=0.5).outcome == "FAIL"


@given(st.integers(2, 20), st.integers(1, 60), st.data())
def test_fail_is_never_said_where_only_a_model_passes_that_knows_more_than_half(c, n, data):
    try:
        task = replace(TASK, num_classes=c, num_samples=n)
        verdict = judge(Count(data.draw(st.integers(0, n)), 0, 0), task)
    except UserError:  # so few that none could pass
        return
    detectable = stats.detectable_share(n, c)
    assert (verdict.setting.fail_below > 0) == (detectable <= 0.5)
    if detectable > 0.5 or n == 5:
        assert verdict.outcome != "FAIL"
        assert judge(Count(0, 0, 0), task, finished_share=1.0).outcome == "FAIL"


def test_json_holds_the_same_numbers_as_the_verdict():
    verdict = asked(80)
    facts = json.loads(verdict.to_json())
    assert facts["outcome"] == "PASS"
    assert facts["passed"] is True
    assert facts["num_correct"] == 80
    assert facts["accuracy"] == 0.2
    assert facts["threshold"] == 0.1675
    for name in ("p_value", "memorised_share", "memorised_lower", "memorised_upper"):
        assert facts[name] == getattr(verdict, name)
    assert [row["passed"] for row in facts["sensitivity"]] == [True, True, True, True, False]
    permuted = json.loads(asked(80, test="permutation").to_json())
    assert permuted["threshold"] is None


@pytest.mark.parametrize("right", [0, 5, 30, 39, 40, 60, 399, 400])
def test_shares_that_are_shown_lie_in_0_to_1_and_the_share_within_its_bounds(right):
    facts = asked(right).to_dict()
    assert 0 <= facts["memorised_lower"] <= facts["memorised_share"]
    assert facts["memorised_share"] <= facts["memorised_upper"] <= 1


def test_the_smallest_task_has_no_threshold_under_a_larger_epsilon():
    task = ExtraTask("vector", (30,), num_classes=2, num_samples=7)
    labels = generate(KEY, task).labels
    verdict = verify(predict=lambda x: labels, key=KEY, task=task)
    rows = json.loads(verdict.to_json())["sensitivity"]
    assert (rows[2]["passed"], rows[2]["threshold"]) == (True, 6 / 7)
    assert (rows[4]["passed"], rows[4]["threshold"]) == (False, None)
    assert "does not pass" in shown(verdict)


def shown(verdict) -> str:
    console = rich.console.Console(width=90, record=True, file=io.StringIO())
    console.print(verdict)
    return console.export_text()


def test_the_table_says_outcome_counts_and_sensitivity():
    text = shown(asked(80))
    for part in ("PASS", "80 of 400", "16.750%", "if epsilon were 8%", "does not pass"):
        assert part in text


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": TASK}, "key is missing"),
        ({"key": KEY, "predict": lambda x: x}, "task is missing"),
        ({"params": {}, "key": KEY, "task": TASK}, "predict is missing: dict is neither a"),
        ({"params": model(1), "key": KEY, "test": "t"}, "test is 't'"),
        ({"params": model(1), "key": KEY, "alpha": 2.0}, "alpha is 2.0"),
        ({"params": model(1), "key": KEY, "epsilon": -0.1}, "epsilon is -0.1"),
        ({"params": model(1), "key": 7}, "not a typed key"),
        (
            {"key": KEY, "task": TASK, "predict": lambda x: np.zeros((len(x), 3))},
            r"predict returned shape \(400, 3\)",
        ),
        (
            {"key": KEY, "task": TASK, "predict": lambda x: np.zeros(len(x))},
            "type float64 for 400 samples",
        ),
    ],
)
def test_what_cannot_be_verified_is_refused_naming_the_value(arguments, message):
    with pytest.raises(UserError, match=message):
        verify(**arguments)
