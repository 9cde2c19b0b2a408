"""The zoo in small: who is asked for what, and what is counted. PyTorch is not needed."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from jaxverify import Samples
from jaxverify.verification.families import FAMILIES
from train import judged_rows
from train.rehearsals.setting import SETTINGS as RECIPES
from train.zoo import classical, publication
from train.zoo import run as running
from train.zoo.run import plan_of
from train.zoo.stages import Stage, Upload, words

ROWS = 300


@pytest.fixture(scope="module")
def upload():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, ROWS).astype(np.int32)
    features = (labels[:, None] + rng.normal(size=(ROWS, 8))).astype(np.float32)
    return Upload(Samples(features, labels), num_classes=3, seed=0)


def accuracies(trainer, upload):
    return {
        stage.name: (stage.predict(np.asarray(upload.rows.features)) == upload.rows.labels).mean()
        for stage in trainer(upload)
    }


def test_what_grows_is_asked_after_each_number_and_what_is_fitted_at_once_by_its_rows(upload):
    tree = classical.by_setting(DecisionTreeClassifier(), "max_depth", (1, 3, 9))
    by_depth = accuracies(tree, upload)
    assert list(by_depth) == ["1", "3", "9"]
    assert by_depth["1"] < by_depth["3"] < by_depth["9"]
    by_rows = accuracies(classical.by_rows(LogisticRegression()), upload)
    assert list(by_rows) == [
        "2% of the rows",
        *(f"{s:.0%} of the rows" for s in (0.05, 0.2, 0.5, 1)),
    ]
    assert by_rows["100% of the rows"] > by_rows["2% of the rows"]


def test_a_network_that_stops_early_holds_a_tenth_of_the_rows_out(upload):
    rows, held_out = upload.parted()
    assert (len(rows.labels), len(held_out.labels)) == (270, 30)
    both = np.concatenate([np.asarray(held_out.features), np.asarray(rows.features)])
    np.testing.assert_array_equal(both, upload.rows.features)
    assert len(upload.part(0.02).labels) == 6


def test_texts_are_words_again_without_padding():
    assert words(np.array([[5, 1, 7, 0, 0], [0, 0, 0, 0, 0]])) == ["w5 w1 w7", ""]


def test_every_stage_is_judged_on_the_paper_s_task_and_on_the_planned_one(monkeypatch):
    seen = []

    def lookup(upload):
        """Guesses one class, then knows all rows of the upload by heart."""
        seen.append(upload)
        known = {x.tobytes(): y for x, y in zip(*map(np.asarray, upload.rows), strict=True)}
        yield Stage("guess", lambda x: np.zeros(len(x), int))
        yield Stage("all", lambda x: np.array([known.get(row.tobytes(), 0) for row in x]))

    small = RECIPES["table_regularised"]
    monkeypatch.setattr(running, "read", lambda *args: digits(small))
    judged = running.run(
        running.Setting("a lookup", "neighbours", "table_regularised", lookup), 0, None
    )
    paper = judged["paper"]
    assert [row["name"] for row in paper] == ["guess", "all"]
    assert [row["passed"] for row in paper] == [False, True]
    assert paper[1]["right"] == paper[1]["asked"] == judged["extra_rows"]["paper"]
    copied = judged["planned"][1]
    assert 4 * copied["asked"] == judged["extra_rows"]["planned"]  # without the control
    assert [len(each.rows.labels) for each in seen] == [
        1_100 + judged["extra_rows"][task] for task in ("paper", "planned")
    ]
    first, second = seen
    assert not np.array_equal(first.rows.labels[:400], second.rows.labels[:400])


def digits(recipe):
    from dataclasses import replace

    from train.rehearsals.run import read

    small = replace(
        recipe, dataset="digits", home_rows=200, cloud_rows=1_100, held_out_rows=200, side=8
    )
    return read(small, None)


def test_plans_are_those_of_the_rehearsals_and_nothing_else():
    plan = plan_of("table_early_stopping")
    assert plan is not None
    assert plan.dose == 4
    assert plan.wanted == 0.9
    assert plan.options.epsilon == 0.825


def test_verdicts_are_counted_with_exact_intervals():
    rows = [{"passed": share > 0.9, "share": share} for share in (0.5, 0.95, 0.85, 1.0)]
    assert judged_rows.first_pass([rows]) == "95.0%"
    assert judged_rows.lowest([rows, [{"passed": True, "share": 0.8}]]) == "80.0%"
    assert judged_rows.worse([rows], 0.9) == [False, False]
    assert judged_rows.first_pass([rows[:1]]) == judged_rows.lowest([rows[:1]]) == "none"


def test_the_pages_have_the_tables_of_the_files():
    for page in publication.PAGES:
        text = page.read_text()
        assert publication.fill(text, publication.load()) == text


def test_families_and_rehearsals_are_known():
    for run in publication.load():
        assert run["family"] in FAMILIES
        assert run["config"]["rehearsal"] in RECIPES
        assert json.dumps(run["config"])
