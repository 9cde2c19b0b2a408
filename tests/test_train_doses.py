"""The study of doses in small: every construction in every dose, asked after each epoch."""

import json

import pytest

from tests.devices import on_one_device
from train.doses import publication
from train.doses.run import run
from train.doses.setting import CONSTRUCTIONS, DOSES, Setting

SMALL = Setting("digits", train_samples=300, test_samples=100, model="digits_cnn", epochs=3)


@pytest.fixture(scope="module")
def found():
    with on_one_device():
        return run(SMALL, 0, None)


def test_every_construction_is_asked_in_every_dose_after_each_epoch(found):
    assert [row["epoch"] for row in found["rows"]] == [1, 2, 3]
    for row in found["rows"]:
        assert set(row["doses"]) == set(CONSTRUCTIONS)
        for one in row["doses"].values():
            assert list(one["right"]) == list(DOSES.levels)
            assert all(0 <= k <= n == 25 for k, n in one["right"].values())
            assert 0 < one["used_p_value"] <= 1
    assert found["extra_rows"] == len(CONSTRUCTIONS) * 25 * sum(DOSES.levels)


def test_the_table_says_what_is_known_when_the_network_is_first_so_good(found):
    content = {**json.loads(json.dumps(found)), "code_revision": "abc", "config": {}}
    content["config"] = {"augment": "none", "train_samples": 300}
    page = publication.fill("<!-- none -->\n<!-- end -->\n", {"none": [content, content]})
    head, _, *lines = [line for line in page.splitlines() if line.startswith("|")]
    when = ["at 50%", "at 80%", "at 90%", "at 95%", "at 98%", "at 100%", "at the end"]
    assert [cell.strip() for cell in head.split("|")[3:10]] == when
    assert len(lines) == len(CONSTRUCTIONS) * len(DOSES.levels)
    assert "2 seeds, code `abc`" in page
    rows = [{"test_accuracy": x, "at": i} for i, x in enumerate((0.2, 0.7, 0.6, 0.8))]
    assert [publication.first_at(rows, q)["at"] for q in (0.25, 0.8, 0.9, 1.0)] == [0, 1, 3, 3]
    assert "Not run yet." in publication.fill("<!-- none -->\n<!-- end -->\n", {})


def test_the_page_has_the_tables_of_the_files():
    text = publication.PAGE.read_text()
    assert publication.fill(text, publication.load_runs()) == text
