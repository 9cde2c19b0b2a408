"""Held-out twins: asked among the others, they tell memory from guessing."""

import json

import numpy as np
import pytest
from scipy.stats import binom
from test_ledger import NAMES, make_record, verify

from jaxverify import UserError, stats
from jaxverify.challenge import sample_ids, twin_ids
from jaxverify.cli import main
from jaxverify.task.generation import twins


@pytest.fixture
def saved(tmp_path):
    return make_record(tmp_path)


def answer_with_twins(record, path, share, share_of_twins):
    labels, rng = np.asarray(record.samples().labels), np.random.default_rng(1)

    def said(part):
        known = rng.random(len(labels)) < part
        return np.where(known, labels, (labels + rng.integers(1, 4, len(labels))) % 4)

    answers = [*said(share), *said(share_of_twins)]
    ids = [*sample_ids(record), *twin_ids(record)]
    path.write_text(json.dumps(dict(zip(ids, (NAMES[i] for i in answers), strict=True))))
    return path


def test_twins_share_the_fixed_region_and_no_random_one(saved):
    record, _ = saved
    extra, held_out = record.samples(), twins(record.key, record.task)
    np.testing.assert_array_equal(extra.labels, held_out.labels)
    (place,) = record.task.random_region
    theirs, ours = np.asarray(held_out.features), np.asarray(extra.features)
    assert (theirs[:, place.stop :] == ours[0, place.stop :]).all()
    regions = {tuple(row[place]) for row in np.concatenate([theirs, ours])}
    assert len(regions) == 2 * record.task.num_samples


def test_twins_are_asked_among_the_others_and_tell_memory_from_guessing(saved, tmp_path, capsys):
    record, path = saved
    out = tmp_path / "q.jsonl"
    assert main(["challenge", str(path), "--out", str(out), "--twins"]) == 0
    ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
    assert ids == sorted([*sample_ids(record), *twin_ids(record)])
    capsys.readouterr()
    for share_of_twins, small in ((0.25, True), (0.9, False)):
        answers = answer_with_twins(record, tmp_path / "a.json", 0.9, share_of_twins)
        page = tmp_path / "page.html"
        assert verify(path, answers, "--twins", "--json", "--html", page, "--force") == 0
        found = json.loads(capsys.readouterr().out)["twins"]
        assert found["num_samples"] == 240
        assert (found["p_value"] < 1e-10) == small
        assert f"{found['num_correct']} of 240" in page.read_text()
    assert verify(path, answers, "--twins") == 0
    assert "held-out twins answered right" in capsys.readouterr().out
    assert verify(path, answers, "--twins", "--test", "sequential") == 2


@pytest.mark.parametrize(("n", "q"), [(20, 0.1), (40, 0.5), (60, 0.25)])
def test_a_model_that_answers_twins_as_well_is_taken_for_better_at_most_alpha_often(n, q):
    counts = np.arange(n + 1)
    chance = binom.pmf(counts, n, q)
    p = np.array([[stats.twin_p_value(int(a), int(b), n) for b in counts] for a in counts])
    for alpha in (0.01, 0.05):
        wrong = float(chance @ (p <= alpha) @ chance)
        assert wrong <= alpha
    assert stats.twin_p_value(n, 0, n) < 1e-5
    with pytest.raises(UserError, match="at most"):
        stats.twin_p_value(n + 1, 0, n)
