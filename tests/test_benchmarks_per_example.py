"""The benchmark of per-sample norms: it runs, it says what it measured, it checks first."""

import json

import numpy as np
import pytest

from benchmarks import per_example


@pytest.mark.slow
@pytest.mark.benchmarks
def test_the_quick_mode_writes_ratios_to_one_batch_gradient(tmp_path):
    path = tmp_path / "per_example.json"
    per_example.main(per_example.Config(json=path, quick=True))
    written = json.loads(path.read_text())
    assert written["config"]["batch_size"] == 4
    one = written["measured"]["textcnn"]
    seconds = {key: times["median"] for key, times in one["seconds"].items()}
    assert {"batch gradient", "ghost", "vmap"} <= set(seconds)
    for key, ratio in one["over_batch_gradient"].items():
        assert ratio["median"] == pytest.approx(seconds[key] / seconds["batch gradient"])
    assert one["over_ghost"]["vmap"]["median"] == pytest.approx(seconds["vmap"] / seconds["ghost"])


def test_nothing_is_timed_whose_norms_disagree():
    right = np.array([1.0, 2.0])
    candidates = {"vmap": lambda: right, "wrong": lambda: right * [1, 1.002]}
    with pytest.raises(AssertionError, match="wrong disagrees with vmap about the norms of vgg11"):
        per_example._check_norms("vgg11", candidates)
