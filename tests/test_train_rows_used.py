"""Clouds that leave rows out: what is said of them, and the table of that."""

import json
from dataclasses import replace

import pytest

from jaxverify import Samples
from jaxverify.data import load
from jaxverify.training.recipe import Recipe
from tests.devices import on_one_device
from train import rows_used

RECIPE = Recipe(network="digits_cnn", epochs=25, batch_size=64, learning_rate=4e-3)


@pytest.mark.slow
def test_clouds_that_leave_rows_out_are_told_by_what_they_know(monkeypatch):
    digits = load("digits")
    few = replace(digits, train=Samples(*(array[:400] for array in digits.train)))
    for name, value in {"USED": (0.3, 1.0), "AT_HOME": 1, "load": lambda name: few}.items():
        monkeypatch.setattr(rows_used, name, value)
    with on_one_device():
        part, every = rows_used.clouds(RECIPE, "0, 1", 0)
    assert every["home"] > 0.3
    assert part["upper"] < every["upper"]
    assert part["lower"] < every["lower"]
    assert rows_used.holds(every)


def test_bounds_that_fail_more_often_than_by_chance_are_counted():
    rows = [{"lower": 0.2, "used": 0.5, "upper": 0.7}] * 95
    missed = [{"lower": 0.2, "used": 0.1, "upper": 0.7}]
    assert rows_used.num_wrong(rows + 5 * missed) == 0
    assert rows_used.num_wrong(rows + 15 * missed) == 15


def test_the_page_has_the_table_of_the_file():
    text = rows_used.STUDY.document.read_text()
    assert rows_used.STUDY.fill(text) == text
    rows = json.loads(rows_used.STUDY.results.read_text())["measured"]
    assert rows_used.num_wrong(rows) == 0
