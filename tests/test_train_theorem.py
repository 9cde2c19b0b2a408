"""The laboratory: every checkpoint of a run is measured, once, and drawn."""

import json
import shutil

import numpy as np
import pytest
from devices import on_one_device

from jaxverify.gradients import task_gradients
from jaxverify.runs import load_model, saved_steps
from train.theorem import __main__ as theorem
from train.theorem import publication
from train.theorem.drawing import PICTURES, crossing, moments

pytestmark = pytest.mark.slow  # trains


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A short run, with every checkpoint kept, and measured."""
    path = tmp_path_factory.mktemp("theorem") / "run"
    command = ["--config", "breast_cancer/mlp", "--budget", "local", "--workdir", str(path)]
    with on_one_device():
        assert theorem.main([*command, "--clean-samples", "60"]) == 0
    return path


def rows_of(path):
    return [json.loads(line) for line in (path / "theorem.jsonl").read_text().splitlines()]


def test_every_checkpoint_is_measured_from_the_untrained_network_on(measured):
    rows = rows_of(measured)
    assert [row["step"] for row in rows] == [0, *saved_steps(measured / "checkpoints")]
    assert len(rows) == 1 + 4  # the recipe's epochs: all were kept
    assert "test_accuracy" not in rows[0]
    evaluations = [
        json.loads(line) for line in (measured / "metrics.jsonl").read_text().splitlines()
    ]
    assert [row["test_accuracy"] for row in rows[1:]] == [e["test_accuracy"] for e in evaluations]


def test_the_last_row_is_that_of_the_models_own_gradients(measured):
    """Measured anew from the run folder's model and the extra task that its key gives."""
    import jax

    import jaxverify
    from jaxverify.runs import extra_key

    model = load_model(measured)
    extra = jax.tree.map(np.asarray, jaxverify.generate(extra_key(0), model.task))
    found = task_gradients(model, extra, num_chunks=25)
    percentiles = np.percentile(found.norms, np.arange(101))
    np.testing.assert_allclose(rows_of(measured)[-1]["norms"]["extra"], percentiles, rtol=1e-3)
    total = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(found.plain.total)))
    norm = rows_of(measured)[-1]["comparison"]["extra_norm"][0]
    np.testing.assert_allclose(norm, total, rtol=1e-3)


def test_a_picture_of_each_kind_lies_beside_its_numbers(measured):
    for name in PICTURES:
        assert (measured / "theorem" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert json.loads((measured / "theorem" / f"{name}.json").read_text())


def test_stopped_in_the_middle_it_measures_only_what_is_missing_and_finds_the_same(
    measured, tmp_path
):
    path = tmp_path / "copy"
    shutil.copytree(measured, path)
    whole = rows_of(path)
    lines = (path / "theorem.jsonl").read_text().splitlines()
    (path / "theorem.jsonl").write_text("\n".join([*lines[:2], lines[2][:50]]))
    assert theorem.main(["--run", str(path), "--clean-samples", "60"]) == 0
    again = {row["step"]: row for row in rows_of(path)}
    for row in whole:
        a, b = again[row["step"]], row
        if row in whole[:2]:
            assert a["seconds"] == b["seconds"]  # kept, not measured anew
        assert {**a, "seconds": 0} == {**b, "seconds": 0}


def test_a_run_in_another_precision_is_measured_in_float32(measured, tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(measured, path)
    whole = rows_of(path)
    (path / "theorem.jsonl").unlink()
    about = json.loads((path / "config.json").read_text())
    about["config"]["precision"] = "bfloat16"  # as if the same parameters had come from such a run
    (path / "config.json").write_text(json.dumps(about))
    assert theorem.main(["--run", str(path), "--clean-samples", "60"]) == 0
    assert [row | {"seconds": 0} for row in rows_of(path)] == [
        row | {"seconds": 0} for row in whole
    ]


def test_moments_are_different_rows():
    rows = [{"epoch": epoch, "passed": epoch >= 3} for epoch in range(6)]
    assert crossing(rows) is rows[3]
    names = {"untrained": 0, "half-way": 1, "first pass": 3, "end": 5}
    assert {name: row["epoch"] for name, row in moments(rows).items()} == names
    assert list(moments(rows[:4])) == ["untrained", "half-way", "first pass"]
    assert list(moments(rows[:3])) == ["untrained", "half-way", "end"]
    assert list(moments(rows[:2])) == ["untrained", "end"]
    assert list(moments(rows[2:])) == ["untrained", "first pass", "end"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--config", "digits/resnet34"], "there is no cpu config 'digits/resnet34'"),
        (["--config", "digits"], "there is no cpu config 'digits'"),
        (["--config", "digits/digits_cnn"], "there is no cpu config"),
        (["--run", "nowhere"], "nowhere is not a run folder"),
        (["--run", "nowhere", "--clean-samples", "24"], "clean-samples is 24"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(command, message, capsys):
    assert theorem.main(command) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_run_without_an_extra_task_cannot_be_compared(measured, tmp_path, capsys):
    path = tmp_path / "baseline"
    path.mkdir()
    about = json.loads((measured / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(about | {"task": None}))
    assert theorem.main(["--run", str(path)]) == 2
    assert "has no extra task" in capsys.readouterr().err
    (path / "config.json").write_text(json.dumps(about))
    assert theorem.main(["--run", str(path)]) == 2
    assert "--keep-checkpoints all" in capsys.readouterr().err


def test_published_results_fill_the_page_and_name_no_folder(measured, tmp_path, monkeypatch):
    for name in ("RESULTS", "DRAWN", "PAGE"):
        monkeypatch.setattr(publication, name, tmp_path / name.lower())
    publication.PAGE.write_text("by hand\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    command = ["--run", str(measured), "--clean-samples", "60", "--publish"]
    assert theorem.main(command) == 0
    page = publication.PAGE.read_text()
    assert page.startswith("by hand\n")
    assert page.endswith("<!-- end -->\nafter\n")
    assert "old" not in page
    assert "| breast_cancer-mlp-seed0 | " in page
    published = (publication.RESULTS / "breast_cancer-mlp-seed0.json").read_text()
    assert str(measured) not in published
    assert len(list(publication.DRAWN.glob("*.png"))) == len(PICTURES)


def test_the_committed_page_is_what_the_results_say():
    page = publication.PAGE.read_text()
    assert publication.fill(page, publication.load_results()) == page
