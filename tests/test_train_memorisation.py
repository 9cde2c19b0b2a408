"""What the scores of a model say, besides its answers; and the file in which it is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.json_lines import JsonLines
from train.memorisation import commonest_answer, score_auc


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_a_bias_common_to_all_samples_or_all_classes_leaves_the_auc_unchanged(seed, num_classes):
    rng = np.random.default_rng(seed)
    labels = np.arange(20) % num_classes
    logits = rng.normal(size=(20, num_classes))
    auc = score_auc(logits, labels)
    biases = rng.normal(size=num_classes), rng.normal(size=(20, 1))
    assert score_auc(logits + biases[0] + biases[1], labels) == pytest.approx(auc)
    scores = logits - logits.mean(axis=-1, keepdims=True)
    classes = range(num_classes)
    pairs = [(scores[labels == c, c][:, None], scores[labels != c, c]) for c in classes]
    assert auc == pytest.approx(np.mean([np.mean(own > other) for own, other in pairs]))


def test_the_auc_is_one_of_what_is_known_half_of_what_is_not_and_skips_absent_classes():
    labels = np.array([0, 1, 0, 1])
    assert score_auc(np.eye(3)[labels], labels) == 1
    assert score_auc(np.zeros((4, 3)), labels) == 0.5
    assert score_auc(-np.eye(2)[labels], labels) == 0


def test_the_commonest_answer_is_that_of_most_samples():
    assert commonest_answer(np.eye(3)[[2, 2, 0, 2]]) == 0.75


def test_lines_are_read_as_written_but_for_one_cut_short(tmp_path):
    lines = JsonLines(tmp_path / "rows.jsonl")
    assert lines.read() == []
    lines.rewind(2)
    assert not list(tmp_path.iterdir())
    rows = [{"step": step, "loss": step / 3} for step in range(4)]
    for row in rows:
        lines.append(row)
    assert lines.read() == rows
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    assert lines.read() == rows
    lines.rewind(2)
    assert lines.read() == rows[:3]
    lines.append(rows[3])
    assert lines.read() == rows
    with pytest.raises(ValueError, match="JSON"):
        lines.append({"step": 5, "loss": float("nan")})
