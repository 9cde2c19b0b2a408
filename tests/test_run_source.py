"""A protected data set, a run of our own scripts on it, and the verdict on its folder."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from customer_files import encoded
from devices import on_one_device
from sklearn.datasets import load_digits

import jaxverify
from jaxverify import UserError
from jaxverify.cli import main
from jaxverify.record.record import load
from jaxverify.runs import load_model, load_vocabulary, saved_steps
from train.main import main as train

pytestmark = [pytest.mark.slow, pytest.mark.optimized]  # trains


def protect(folder, columns, *options):
    """``upload/train.parquet`` with an extra task, and ``upload/test.parquet`` without."""
    whole = pa.table(columns)
    (folder / "upload").mkdir()
    pq.write_table(whole.slice(300), folder / "train.parquet")
    pq.write_table(whole.slice(0, 300), folder / "upload" / "test.parquet")
    upload, record = folder / "upload" / "train.parquet", folder / "record.json"
    paths = [str(folder / "train.parquet"), "--out", str(upload), "--record", str(record)]
    assert main(["protect", *paths, "--label", "label", *options]) == 0
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    data = load_digits()
    pixels = (data.images[:800] * 15.9375).astype(np.uint8)
    columns = {"image": [encoded(each) for each in pixels], "label": data.target[:800]}
    folder = protect(tmp_path_factory.mktemp("digits"), columns, "--eta", "0.1")
    options = ["--data", str(folder / "upload"), "--workdir", str(folder / "run"), "--epochs", "4"]
    with on_one_device():
        assert train(["digits"], ["digits_cnn"], "", options) == 0
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 600)
    words = np.array([f"word{i}" for i in range(400)])
    columns = {
        "text": [" ".join(words[rng.integers(0, 200, 40) + 100 * label]) for label in labels],
        "label": labels,
    }
    folder = protect(tmp_path_factory.mktemp("texts"), columns, "--eta", "0.4")
    options = ["--data", str(folder / "upload"), "--workdir", str(folder / "run")]
    options += ["--epochs", "40", "--max-length", "48", "--eval-every", "40"]
    with on_one_device():
        assert train(["imdb"], ["textcnn"], "", options) == 0
    return folder


def verify(folder, run, *options):
    return main(["verify", str(folder / "record.json"), "--run", str(run), *options])


def test_a_run_on_images_is_asked_for_the_pixels_of_the_extra_samples(images, capsys):
    verify(images, images / "run", "--json")
    facts = json.loads(capsys.readouterr().out)
    record, model = load(images / "record.json"), load_model(images / "run")
    expected = jaxverify.verify(model, record.key, task=record.task)
    assert facts["num_correct"] == int(expected.num_correct)
    assert facts["num_unknown"] == 0


def test_a_checkpoint_can_be_named(images, capsys):
    steps = saved_steps(images / "run" / "checkpoints")
    verify(images, images / "run", "--json")
    last = capsys.readouterr().out
    verify(images, images / "run" / "checkpoints" / str(steps[-1]), "--json")
    assert json.loads(capsys.readouterr().out)["num_correct"] == json.loads(last)["num_correct"]
    with pytest.raises(UserError, match="no checkpoint after 3 steps"):
        load_model(images / "run", 3)


def test_a_run_on_texts_is_asked_in_words_and_one_that_memorised_passes(texts, capsys):
    assert verify(texts, texts / "run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.8
    vocabulary, max_length = load_vocabulary(texts / "run")
    assert vocabulary[:2] == ("<pad>", "<unk>")
    assert max_length == 48


def test_what_is_no_run_or_of_other_classes_or_has_no_words_is_an_error(
    images, texts, tmp_path, capsys
):
    (tmp_path / "run").mkdir()
    for folder, run, message in [
        (images, tmp_path / "missing", "is not a run folder"),
        (images, tmp_path / "run", "is not a run folder"),
        (images, texts / "run", "2 classes, not of 10"),
    ]:
        assert verify(folder, run) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    (texts / "run" / "vocabulary.json").rename(texts / "run" / "hidden.json")
    try:
        assert verify(texts, texts / "run") == 2
        assert "train again" in capsys.readouterr().err
    finally:
        (texts / "run" / "hidden.json").rename(texts / "run" / "vocabulary.json")
