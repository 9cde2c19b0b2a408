"""From a file to a verdict with extra samples in doses, and a control that nobody was given."""

import json
import secrets
from dataclasses import replace

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxverify import DataError, UserError
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.cli.evidence import dose_cautions
from jaxverify.cli.judging import Judge
from jaxverify.record import load, new_record, save
from jaxverify.record.shard import WHOLE
from jaxverify.rendering import TextRendering
from jaxverify.task.doses import Doses, doses_of
from jaxverify.task.extra_task import ExtraTask
from tests.customer_files import WORDS

LEVELS = (0, 1, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Texts of four classes, protected in doses."""
    place, rng = tmp_path_factory.mktemp("doses"), np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 60)) for _ in range(2400)]
    table = pa.table({"text": texts, "label": [("n", "e", "s", "w")[i % 4] for i in range(2400)]})
    pq.write_table(table, place / "data.parquet")
    command = ["protect", "data.parquet", "--out", "up.parquet", "--record", "r.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(secrets, "token_bytes", rng.bytes)
        assert main([*command, "--doses", "0,1,4"]) == 0
        assert main(["challenge", "r.json", "--out", "q.parquet"]) == 0
    return place


def verify(folder, knows, capsys, *options):
    """The verdict on a model that knows some of the samples and guesses the others."""
    record, rng = load(folder / "r.json"), np.random.default_rng(1)
    labels, doses = np.asarray(record.samples().labels), record.doses_of_samples()
    answers = np.where(
        rng.random(len(labels)) < knows(doses), labels, rng.integers(0, 4, len(labels))
    )
    said = dict(zip(sample_ids(record), [record.class_names[i] for i in answers], strict=True))
    (folder / "a.json").write_text(json.dumps(said))
    capsys.readouterr()
    command = ["verify", str(folder / "r.json"), "--predictions", str(folder / "a.json"), "--json"]
    status = main([*command, *options])
    return status, json.loads(capsys.readouterr().out)


def test_every_original_row_is_there_once_and_each_extra_one_as_often_as_its_dose_says(folder):
    record = load(folder / "r.json")
    assert record.doses == Doses(LEVELS)
    up, data = (pq.read_table(folder / name).to_pylist() for name in ("up.parquet", "data.parquet"))
    originals = {row["text"] for row in data}
    extra = [row for row in up if row["text"] not in originals]
    assert len(up) - len(extra) == len(data)
    assert len(extra) == record.doses_of_samples().sum()
    assert len({row["text"] for row in extra}) == len(extra)
    questions = pq.read_table(folder / "q.parquet").to_pylist()
    assert len(questions) == record.task.num_samples  # those that nobody was given among them
    assert (
        len({row["text"] for row in questions} & {row["text"] for row in extra})
        == (record.doses_of_samples() > 0).sum()
    )


def test_each_dose_has_each_label_equally_often(folder):
    record = load(folder / "r.json")
    labels, doses = np.asarray(record.samples().labels), record.doses_of_samples()
    counts = [np.bincount(labels[doses == level], minlength=4) for level in LEVELS]
    assert len(set(np.ravel(counts))) == 1


def test_a_verdict_counts_what_was_given_and_shows_what_is_known_of_each_dose(folder, capsys):
    status, facts = verify(
        folder, lambda doses: np.where(doses == 4, 0.95, 0.5 * (doses > 0)), capsys
    )
    assert status == 0
    given = int((load(folder / "r.json").doses_of_samples() > 0).sum())
    assert facts["num_samples"] == given
    assert facts["doses"]["used_p_value"] < 0.001
    shares = [row["share"] for row in facts["doses"]["response"]]
    assert shares[0] < 0.4 < shares[2]
    assert shares[0] < shares[1] < shares[2]


def test_a_pass_says_how_many_rows_were_used_and_a_plan_how_many_at_most(folder, capsys):
    def half(doses):
        return np.where(doses == 4, 0.94, 0.5 * (doses > 0))  # 1 - 0.5 ** 4

    status, facts = verify(folder, half, capsys, "--html", str(folder / "half.html"))
    assert status == 0
    assert 0.2 < facts["rows_used"]["lower"] < 0.5
    assert facts["rows_used"]["upper"] == 1
    page = (folder / "half.html").read_text()
    assert f"at least {facts['rows_used']['lower']:.0%}" in page
    assert not any("rows were used" in each for each in facts["cautions"])
    record = load(folder / "r.json")
    planned = replace(record, doses=Doses((0, 1)), finished_share=0.9)
    right = np.resize([True, False, True, False, False], record.task.num_samples)
    labels = np.asarray(record.samples().labels)
    answers = np.where(right & (planned.doses_of_samples() > 0), labels, (labels + 1) % 4)
    judge = Judge.of(planned, WHOLE, "binomial")
    bounds = judge.rows_used(dict(zip(sample_ids(planned), answers.tolist(), strict=True)))
    assert bounds["lower"] < 0.2 / 0.9 < bounds["upper"] < 0.8  # a fifth known, but for guesses


def test_the_share_of_a_plan_is_kept_in_the_record_and_committed_to(folder, tmp_path):
    record = load(folder / "r.json")
    planned = replace(record, finished_share=0.8)
    assert planned.commitment() != record.commitment()
    assert "finished_share" not in record.to_json()
    save(planned, tmp_path / "p.json")
    assert load(tmp_path / "p.json").finished_share == 0.8
    for value in (0, 1.5, "0.8", True):
        content = json.loads((tmp_path / "p.json").read_text()) | {"finished_share": value}
        (tmp_path / "d.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="finished_share"):
            load(tmp_path / "d.json")


def test_a_model_that_was_given_none_of_them_is_not_taken_for_one_that_was(folder, capsys):
    status, facts = verify(folder, lambda doses: 0 * doses, capsys)
    assert (status, facts["outcome"]) == (1, "FAIL")
    assert facts["doses"]["used_p_value"] > 0.01


def test_pages_show_the_doses_and_a_sequential_test_asks_for_none_of_the_control(folder, capsys):
    page = folder / "page.html"
    verify(folder, lambda doses: doses > 0, capsys, "--html", str(page))
    assert "Right of those in the upload 4 times" in page.read_text()
    assert "Trained on them (p, against chance)" in page.read_text()
    status, facts = verify(folder, lambda doses: doses > 0, capsys, "--test", "sequential")
    assert (status, "doses" in facts) == (0, False)
    assert facts["num_samples"] == int((load(folder / "r.json").doses_of_samples() > 0).sum())
    assert main(["show", str(folder / "r.json")]) == 0
    assert "0, 1, 4" in capsys.readouterr().out


def test_what_is_odd_about_doses_is_said(folder, capsys):
    _, facts = verify(folder, lambda doses: doses == 4, capsys)
    assert any("rehearse which dose tells the end" in each for each in facts["cautions"])
    _, facts = verify(folder, lambda doses: doses >= 0, capsys)
    assert any("of the samples that nobody was given" in each for each in facts["cautions"])
    facts["epsilon"] = 0.9  # a plan's, of samples that were given in copies
    assert any("of the samples that nobody was given" in each for each in dose_cautions(facts))
    _, facts = verify(folder, lambda doses: doses > 0, capsys)
    assert not any("nobody was given" in each or "rehearse" in each for each in facts["cautions"])


def test_more_extra_rows_than_were_measured_are_warned_of(folder, capsys):
    command = ["protect", str(folder / "data.parquet"), "--out", str(folder / "many.parquet")]
    command += [
        "--record",
        str(folder / "many.json"),
        "--doses",
        "0,30",
        "--eta",
        "0.02",
        "--force",
    ]
    assert main(command) == 0
    assert "% of the data. What more than 4% does" in " ".join(capsys.readouterr().out.split())


def test_doses_and_parts_do_not_go_together(folder, capsys):
    command = ["challenge", str(folder / "r.json"), "--out", str(folder / "p.csv")]
    assert main([*command, "--shard", "1/3"]) == 2
    assert "come in doses, which no part of them has evenly" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize("doses", ["0", "1,1", "4,1", "a", "", "1,-2", "65"])
def test_what_are_no_doses_is_refused_by_the_command(doses, folder, capsys):
    command = ["protect", str(folder / "data.parquet"), "--out", str(folder / "o.parquet")]
    try:
        status = main([*command, "--record", str(folder / "s.json"), f"--doses={doses}"])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert "whole numbers" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "s.json").exists()


def test_a_record_without_doses_has_the_fields_that_it_had():
    task = ExtraTask("text", (80,), 4, 240, vocab_size=52, labels="balanced")
    words = TextRendering(tuple(f"w{i}" for i in range(50)))
    assert "doses" not in new_record(task, words, ("text",), ("a", "b", "c", "d")).to_json()
    with pytest.raises(UserError, match="a multiple of 28"):
        new_record(task, words, ("text",), ("a", "b", "c", "d"), doses=Doses((0, 1, 2, 3, 4, 5, 6)))
    assert np.bincount(doses_of(jax.random.key(0), task, Doses((0, 3)))).tolist() == [
        120,
        0,
        0,
        120,
    ]
