"""What is published was measured: the page says what the files in results/ say."""

import pytest

from train import publish
from train.config import Config
from train.summary import summarise

RESULTS = publish.load_results()


def test_the_page_is_generated_from_the_results():
    assert publish.PAGE.read_text() == publish.render_page(RESULTS)


def test_every_result_has_its_picture_and_no_picture_is_left_over():
    assert {path.stem for path in publish.PICTURES.glob("*.png")} == set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_says_all_that_is_needed_to_repeat_it(name):
    result = RESULTS[name]
    config = Config.from_json(result["config"])
    assert config.workdir is None
    assert all(result["code_revisions"])
    assert len(result["data_fingerprint"]) == 64
    assert result["versions"]["jax"]
    assert result["seconds"] > 0
    assert result["summary"] == summarise(result["evaluations"])
