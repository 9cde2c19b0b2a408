"""Verdicts on answers in every form, of models whose truth is known: none is wrong."""

import json

import pytest

from train import readings


@pytest.mark.slow
def test_no_verdict_is_wrong_and_where_the_form_leaves_no_doubt_there_is_one(tmp_path):
    out = tmp_path / "readings.json"
    assert readings.STUDY.main("", ["--repeats", "2", "--out", str(out)]) == 0
    measured = json.loads(out.read_text())["measured"]
    assert len(measured) == len(readings.NAMES) * len(readings.FORMS)
    for kind, one in measured.items():
        honest, lazy = one["outcomes"]["honest"], one["outcomes"]["lazy"]
        assert sum(honest.values()) + sum(lazy.values()) == 2
        assert one["wrong"] == 0
        if kind.endswith("words that are no class"):
            assert {*honest, *lazy} == {"no verdict"}
        elif kind.endswith("an order that nobody tells"):
            assert set(honest) <= {"INCONCLUSIVE"}
        elif not kind.endswith(("mixed", "an index from 0", "a number from 1", "as text")):
            assert set(honest) <= {"PASS"}


def test_the_page_has_the_table_of_the_file():
    text = readings.STUDY.document.read_text()
    assert readings.STUDY.fill(text) == text
    assert "0 wrong verdicts." in text
