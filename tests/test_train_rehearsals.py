"""Rehearsed plans in the cloud, in small: home and cloud are apart, and what is counted."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxverify.training.recipe import Recipe
from tests.devices import on_one_device
from train.rehearsals import __main__ as command
from train.rehearsals import publication
from train.rehearsals import run as rehearsing
from train.rehearsals.run import read, run
from train.rehearsals.setting import SETTINGS, WANTED, Setting

pytestmark = pytest.mark.slow
SMALL = Setting(
    "digits",
    Recipe(network="mlp", epochs=10, batch_size=32, learning_rate=1e-3),
    home_rows=400,
    cloud_rows=400,
    held_out_rows=200,
    constructions=("most-numbers",),
    doses=(0, 4),
    eta=0.5,
    side=8,
    as_table=True,
    home_seeds=1,
    cloud_seeds=2,
    other_seeds=1,
)


@pytest.fixture(scope="module")
def found():
    with on_one_device(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsing, "MAX_SHARE", 1.0)  # there are few rows
        return run(SMALL, None)


def test_home_cloud_and_held_out_rows_have_nothing_in_common():
    parted = read(SMALL, None)
    parts = [{x.tobytes() for x in part.features} for part in parted[:3]]
    assert [len(part) for part in parts] == [400, 400, 200]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_every_epoch_of_every_cloud_is_judged_by_the_plan_and_by_the_paper(found):
    assert found["construction"] == "most-numbers"
    plan = found["plan"]
    assert found["extra_rows"] % 4 == 0
    assert found["extra_rows"] <= 400
    first, second = found["clouds"]
    assert (first["seed"], second["seed"]) == (200, 201)
    assert "paper" in first
    assert "paper" not in second
    for rows in (first["planned"], second["planned"], first["paper"]):
        assert [row["is_last"] for row in rows] == [*[False] * 9, True]
        assert max(row["share"] for row in rows) == 1
        assert len({row["asked"] for row in rows}) == 1
    given = found["extra_rows"] // 4
    assert first["planned"][0]["asked"] == given
    passing = [row["right"] for row in first["planned"] if row["passed"]]
    failing = [row["right"] for row in first["planned"] if not row["passed"]]
    assert max(failing, default=0) < min(passing, default=given + 1)
    assert plan["options"]["epsilon"] < plan["share"]


def test_the_page_counts_who_passed_with_exact_intervals(found):
    content = {"name": "a_recipe", "config": {"cloud_rows": 400}, **found}
    content = json.loads(json.dumps(content))
    blocks = "<!-- plans -->\n<!-- end -->\n<!-- verdicts -->\n<!-- end -->\n<!-- other -->\nx\n"
    page = publication.fill(blocks + "<!-- end -->\n", [content], [])
    assert f"| a recipe | {found['plan']['wanted']:.0%} of the best | most-numbers | 4 |" in page
    assert "of 2 (" in page
    assert "<!-- other -->\nx\n" in page
    content |= {"plan": None, "no_plan": {"words at 95%": "no dose tells"}}
    assert "words at 95%: no dose tells" in publication.fill(
        blocks + "<!-- end -->\n", [content], []
    )


def test_the_command_goes_on_and_names_settings(tmp_path, monkeypatch, capsys):
    tiny = replace(SMALL, recipe=replace(SMALL.recipe, epochs=1), cloud_seeds=1)
    monkeypatch.setitem(SETTINGS, "mixup", tiny)
    arguments = ["--results", str(tmp_path), "--setting", "mixup"]
    assert command.main(arguments) == 0
    before = (tmp_path / "mixup.json").read_bytes()
    reasons = json.loads(before)["no_plan"]
    assert reasons["most-numbers at 95%"].startswith("no checkpoint is below 95%")
    assert len(reasons) == len(WANTED)
    assert command.main(arguments) == 0
    assert (tmp_path / "mixup.json").read_bytes() == before
    assert command.main([*arguments, "--setting", "mix"]) == 2
    assert "no setting is called 'mix'" in capsys.readouterr().err


def test_the_page_has_the_tables_of_the_files():
    text = publication.PAGE.read_text()
    assert publication.fill(text, publication.load(), publication.load(publication.FIRST)) == text


def test_shares_of_a_recipe_are_those_of_the_best_epoch(found):
    rows = found["clouds"][0]["planned"]
    best = max(row["quality"] for row in rows)
    np.testing.assert_allclose([row["share"] * best for row in rows], [r["quality"] for r in rows])
