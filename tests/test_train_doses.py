"""The study of doses in small: every construction in every dose, asked after each epoch."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxverify import Samples
from jaxverify.training.recipe import Recipe
from tests.devices import on_one_device
from train.doses import __main__ as command
from train.doses import publication
from train.doses.curves import first_at
from train.doses.pictures import draw_curves
from train.doses.run import run
from train.doses.setting import CANDIDATES, DOSES, SETTINGS, Setting
from train.settings import in_form

pytestmark = pytest.mark.slow
RECIPE = Recipe(network="mlp", epochs=3, batch_size=50)
SMALL = Setting("digits", RECIPE, 300, 100, num_samples=40, as_table=True)


@pytest.fixture(scope="module")
def found():
    with on_one_device():
        return run(SMALL, 0, None)


def test_every_construction_is_asked_in_every_dose_after_each_epoch(found):
    assert [row["epoch"] for row in found["rows"]] == [1, 2, 3]
    for row in found["rows"]:
        assert set(row["doses"]) == set(CANDIDATES["vector"])
        for one in row["doses"].values():
            assert list(one["right"]) == list(DOSES.levels)
            assert all(0 <= k <= n == 10 for k, n in one["right"].values())
            assert 0 < one["used_p_value"] <= 1
    assert found["extra_rows"] == len(CANDIDATES["vector"]) * 10 * sum(DOSES.levels)


def test_rows_of_each_construction_and_dose_are_looked_for(found):
    assert set(found["tells"]) == {
        "identical block",
        "compressibility",
        "near copies",
        "loss ranking",
    }
    for of in found["tells"].values():
        assert set(of) == set(CANDIDATES["vector"])
        assert all(set(each) == {1, 4, 16} for each in of.values())
    # Copies resemble each other, and a sample that stands there once resembles none.
    near = found["tells"]["near copies"]["numbers, all columns"]
    assert near[1] < 0.5 < 0.9 < near[16]


def test_images_are_made_smaller_by_the_mean_of_fields():
    images = np.arange(2 * 4 * 4 * 1, dtype=np.uint8).reshape(2, 4, 4, 1)
    small = in_form(Samples(images, np.zeros(2, np.int32)), 2, as_table=False)
    np.testing.assert_array_equal(small.features[0, :, :, 0], [[2, 4], [10, 12]])
    table = in_form(Samples(images, np.zeros(2, np.int32)), None, as_table=True)
    assert table.features.shape == (2, 16)
    assert table.features.dtype == np.float32
    assert table.features.max() < 1


def content(found, name="table"):
    config = {"recipe": vars(RECIPE), "dataset": "digits", "train_samples": 300}
    config |= {"as_table": True, "side": 8}
    return {**json.loads(json.dumps(found)), "name": name, "code_revision": "abc", "config": config}


def test_the_page_says_what_is_known_when_the_network_is_first_so_good(found):
    runs = {"table": [content(found)] * 2}
    empty = "<!-- curves -->\n<!-- end -->\n<!-- tells -->\n<!-- end -->\n"
    page = publication.fill(empty, runs)
    head, _, *lines = [line for line in page.splitlines() if line.startswith("|")]
    when = ["at 80%", "at 90%", "at 95%", "at 98%", "at the end"]
    assert [cell.strip() for cell in head.split("|")[3:8]] == when
    num_lines = len(CANDIDATES["vector"]) * len(DOSES.levels)
    assert sum(line.count("%") >= 15 for line in lines) == num_lines
    assert "mlp on digits, read as 192 numbers, 3 epochs. 2 seeds, code `abc`" in page
    assert "### vector, mean over 2 runs" in page
    rows = [{"test_accuracy": x, "at": i} for i, x in enumerate((0.2, 0.7, 0.6, 0.8))]
    assert [first_at(rows, q)["at"] for q in (0.25, 0.8, 0.9, 1.0)] == [0, 1, 3, 3]


def test_the_picture_has_a_panel_for_each_construction(found):
    one = content(found)
    names = ("noise", "own images")
    for row in one["rows"]:
        row["doses"] = dict(zip(names, row["doses"].values(), strict=False))
    assert draw_curves([one, one])[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_command_runs_what_is_missing_and_names_settings(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SETTINGS, "table", replace(SMALL, recipe=replace(RECIPE, epochs=1)))
    arguments = ["--results", str(tmp_path), "--seeds", "1", "--setting", "table"]
    assert command.main(arguments) == 0
    (path,) = tmp_path.iterdir()
    assert path.name == "table-seed0.json"
    before = path.read_bytes()
    assert command.main(arguments) == 0
    assert path.read_bytes() == before
    assert command.main([*arguments, "--setting", "tables"]) == 2
    assert "no setting is called 'tables'" in capsys.readouterr().err


def test_the_page_has_the_tables_of_the_files():
    text = publication.PAGE.read_text()
    assert publication.fill(text, publication.load_runs()) == text
