"""How often each test passes a model of its null hypothesis, and the table of that."""

import json

import numpy as np
import pytest

from train import sizes


@pytest.mark.slow
def test_no_size_is_above_alpha_and_a_test_that_passes_too_often_is_noticed(tmp_path):
    out = tmp_path / "sizes.json"
    assert sizes.STUDY.main("", ["--repeats", "300", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["measured"]
    assert {row["test"].split(",")[0] for row in rows} == {
        *("binomial", "sequential", "permutation", "twins", "scores", "scores with ties"),
        "own samples",
    }
    assert {row["labels"] for row in rows} == {"iid", "balanced", "either", "any"}
    assert all(row["held"] and row["size"] < 0.05 for row in rows)
    passes = np.arange(20_000) < 300
    assert not sizes._simulated("any", "iid", 2, 200, passes)["held"]
    assert sizes._simulated("any", "iid", 2, 200, passes[:250])["held"] is False
    assert sizes._simulated("any", "iid", 2, 200, np.arange(20_000) < 210)["held"]


def test_the_page_has_the_table_of_the_file():
    text = sizes.STUDY.document.read_text()
    assert sizes.STUDY.fill(text) == text
    rows = json.loads(sizes.STUDY.results.read_text())["measured"]
    assert all(row["held"] for row in rows)
    assert {row["nulls"] for row in rows} == {None, 20_000}
