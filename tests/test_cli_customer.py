"""From a file to a verdict by the command line, with a trainer that knows nothing of us."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from jaxverify import DataError, UserError
from jaxverify.challenge import questions, sample_ids
from jaxverify.cli import main
from jaxverify.predictors.answers import Classes, in_order
from jaxverify.predictors.file import read_answers
from jaxverify.predictors.reading import read_all
from jaxverify.record.record import load

pytestmark = pytest.mark.slow  # trains


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """Scikit-learn's digits as a table, protected, and two models of its: one stopped early."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    columns = {f"p{i}": data.data[:, i].astype(int) for i in range(64) if data.data[:, i].any()}
    table = pa.table(columns | {"digit": [f"d{label}" for label in data.target]})
    pa.csv.write_csv(table, folder / "data.csv")
    command = ["protect", "data.csv", "--out", "upload.csv", "--record", "record.json"]
    paths = [str(folder / word) if "." in word else word for word in command]
    assert main([*paths, "--label", "digit", "--eta", "0.08", "--fixed-ratio", "0.5"]) == 0
    upload = pa.csv.read_csv(folder / "upload.csv")
    x = np.column_stack([upload.column(name).to_numpy() for name in columns]) / 16
    y = np.array(upload.column("digit").to_pylist())
    assert main(["challenge", str(folder / "record.json"), "--out", str(folder / "q.csv")]) == 0
    asked = pa.csv.read_csv(folder / "q.csv")
    questions = np.column_stack([asked.column(name).to_numpy() for name in columns]) / 16
    for name, epochs in (("honest", 120), ("early", 3)):
        model = MLPClassifier((256,), max_iter=epochs, random_state=0, n_iter_no_change=300, tol=0)
        with np.errstate(all="ignore"), pytest.warns(match="Maximum iterations"):
            model.fit(x, y)
        scores = model.predict_proba(questions)
        columns_of = {"id": asked.column("id"), "label": model.predict(questions)}
        pq.write_table(pa.table(columns_of), folder / f"{name}.parquet")
        rows = dict(zip(asked.column("id").to_pylist(), model.predict(questions), strict=True))
        (folder / f"{name}.json").write_text(json.dumps(rows))
        by_class = {c: scores[:, i] for i, c in enumerate(model.classes_)}
        pa.csv.write_csv(pa.table({"id": asked.column("id"), **by_class}), folder / f"{name}.csv")
        lines = [
            json.dumps({"id": i, "scores": row.tolist()})
            for i, row in zip(asked.column("id").to_pylist(), scores, strict=True)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def verify(folder, answers, *options):
    return main(["verify", str(folder / "record.json"), "--predictions", str(answers), *options])


def without_source(facts):
    """What does not depend on the file of the answers, nor on the time."""
    return {k: v for k, v in facts.items() if k not in ("model", "digest", "date")}


@pytest.mark.parametrize("suffix", [".parquet", ".json", ".csv", ".jsonl"])
def test_the_converged_model_passes_and_the_one_stopped_early_does_not(digits, suffix, capsys):
    assert verify(digits, digits / f"honest{suffix}") == 0
    assert "PASS" in capsys.readouterr().out
    assert verify(digits, digits / f"early{suffix}") == 1
    assert "PASS" not in capsys.readouterr().out.replace("does not pass", "")


def test_all_ways_of_answering_give_one_verdict(digits, capsys):
    verdicts = []
    for suffix in (".parquet", ".json", ".csv", ".jsonl"):
        assert verify(digits, digits / f"honest{suffix}", "--json") == 0
        verdicts.append(without_source(json.loads(capsys.readouterr().out)))
    assert all(verdict == verdicts[0] for verdict in verdicts)
    assert verify(digits, digits / "honest.json", "--test", "permutation") == 0


def test_missing_answers_count_as_wrong_and_are_counted_aloud(digits, tmp_path, capsys):
    answers = json.loads((digits / "honest.json").read_text())
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(dict(list(answers.items())[:100])))
    verify(digits, path)
    page = capsys.readouterr().out
    assert "44 questions have no answer; these count as wrong" in " ".join(page.split())
    verify(digits, path, "--json")
    assert json.loads(capsys.readouterr().out)["num_unknown"] == 44


def test_answers_to_other_questions_are_an_error_and_no_verdict(digits, tmp_path, capsys):
    path = tmp_path / "answers.json"
    path.write_text('{"0123": "d1"}')
    assert verify(digits, path) == 2
    assert "none of this record's questions" in capsys.readouterr().err


def test_the_ids_are_in_order_and_tell_nothing(digits):
    record = load(digits / "record.json")
    asked = questions(record)
    assert asked["id"] == sorted(sample_ids(record))
    assert len(set(asked["id"])) == record.task.num_samples
    decoys = {name: asked[name][:50] for name in asked if name != "id"}
    mixed = questions(record, decoys=decoys)
    assert len(mixed["id"]) == record.task.num_samples + 50
    places = [mixed["id"].index(name) for name in sample_ids(record)]
    assert 60 < np.mean(places) < 135
    assert {len(name) for name in mixed["id"]} == {16}


def test_real_samples_among_the_questions_change_no_verdict(digits, tmp_path, capsys):
    record, out = digits / "record.json", tmp_path / "q.csv"
    command = ["challenge", str(record), "--out", str(out), "--decoys", str(digits / "data.csv")]
    assert main(command) == 0
    assert "288 questions" in capsys.readouterr().out
    ids = sample_ids(load(record))
    asked = pa.csv.read_csv(out)
    assert asked.schema == pa.csv.read_csv(digits / "q.csv").schema
    assert asked.column("id").to_pylist() == sorted(asked.column("id").to_pylist())
    assert set(ids) < set(asked.column("id").to_pylist())
    answers = json.loads((digits / "honest.json").read_text())
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({name: answers.get(name, "d3") for name in asked["id"].to_pylist()}))
    assert verify(digits, path, "--json") == 0
    with_decoys = without_source(json.loads(capsys.readouterr().out))
    assert verify(digits, digits / "honest.json", "--json") == 0
    assert without_source(json.loads(capsys.readouterr().out)) == with_decoys


@pytest.mark.parametrize(
    ("content", "message"),
    [("a,b\n1,2\n", "has no column 'p1'"), ("", "is damaged"), (None, "is missing")],
)
def test_decoys_that_do_not_fit_are_an_error(digits, content, message, tmp_path, capsys):
    path = tmp_path / "decoys.csv"
    if content is not None:
        path.write_text(content)
    command = ["challenge", str(digits / "record.json"), "--out", str(tmp_path / "q.csv")]
    assert main([*command, "--decoys", str(path)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "q.csv").exists()


CLASSES = Classes(("d0", "d1", "7"))


def test_two_different_answers_to_one_question_are_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,label\na,d1\na,d1\nb,d0\nb,d1\n")
    assert read_all(read_answers(path), CLASSES) == {"a": 1, "b": -1}


def test_file_names_are_ids(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,label\ngs://bucket/a1.png,d1\nb2.jpg,d0\n")
    assert read_all(read_answers(path), CLASSES) == {"a1": 1, "b2": 0}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "cannot be read as csv"),
        ("a.csv", "id,label\n", "has no answers"),
        ("a.csv", "key,label\na,d1\n", "no column 'id'"),
        ("a.csv", "id\na\n", "no column but 'id'"),
        ("a.json", "{", "cannot be read as json"),
        ("a.json", "3", "neither an object"),
        ("a.json", "[" * 100_000, "cannot be read as json"),
        ("a.jsonl", '{"id": "a"}\n3', "neither an object"),
        ("a.parquet", "PAR1", "cannot be read as parquet"),
        ("a.txt", "x", "must end in .csv"),
    ],
)
def test_files_of_answers_that_cannot_be_read_are_named(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=message) as error:
        read_answers(path)
    assert str(path) in str(error.value)


PIECES = st.sampled_from(['"', ",", "\n", "id", "label", "d1", "0", "{", "}", "[", "]", ":", "ÿ"])


@given(content=st.lists(PIECES, max_size=20).map("".join), suffix=st.sampled_from(["csv", "json"]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_of_answers_leads_to_a_traceback(content, suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    path.write_text(content)
    found = {}
    try:
        found = read_all(read_answers(path), CLASSES)
    except UserError:
        return
    answers = in_order(found, ["d1", "0"])
    assert all(-1 <= answer < 3 for answer in answers)


def test_a_broken_line_of_a_csv_file_is_an_error_not_a_verdict(digits, tmp_path, capsys):
    lines = (digits / "honest.csv").read_text().splitlines()
    path = tmp_path / "answers.csv"
    path.write_text("\n".join([*lines[:50], lines[50][:20]]))
    assert verify(digits, path) == 2
    assert "cannot be read as csv" in capsys.readouterr().err


def test_questions_are_never_written_over_anything(digits, tmp_path, capsys):
    record = str(digits / "record.json")
    for name in ("q.csv", "q.jsonl", "q.parquet"):
        path = tmp_path / name
        assert main(["challenge", record, "--out", str(path)]) == 0
        before = path.read_bytes()
        assert main(["challenge", record, "--out", str(path)]) == 2
        assert path.read_bytes() == before
    assert main(["challenge", record, "--out", str(tmp_path / "q.txt")]) == 2
    with (tmp_path / "q.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 144


class Page(HTMLParser):
    """What a page shows, what it would load, and whether its tags fit."""

    def __init__(self, text):
        super().__init__()
        self.text, self.loads, self.open = "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v[0] != "#"]
        self.loads += [tag] * (tag in ("script", "iframe", "link", "object"))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(("name", "status"), [("honest", 0), ("early", 1)])
def test_the_page_needs_nothing_else_and_holds_the_numbers(digits, name, status, tmp_path, capsys):
    path = tmp_path / "report.html"
    answers = digits / f"{name}.json"
    assert verify(digits, answers, "--html", str(path), "--json") == status
    facts = json.loads(capsys.readouterr().out)
    text = path.read_text()
    page = Page(text)
    assert page.loads == []
    assert page.open == []
    assert "url(" not in text.replace("url(#", "")
    record = load(digits / "record.json")
    for shown in (
        facts["outcome"],
        f"{facts['num_correct']} of 144",
        f"{facts['p_value']:.3g}",
        f"{facts['memorised_share']:.1%}",
        record.commitment(),
        *(f"{row['threshold']:.2%}" for row in facts["sensitivity"]),
    ):
        assert shown in page.text
    assert record.secret.hex() not in text


def test_nothing_that_others_wrote_becomes_part_of_the_page(digits, tmp_path):
    answers = tmp_path / "<script>.json"
    answers.write_text((digits / "honest.json").read_text())
    path = tmp_path / "report.html"
    assert verify(digits, answers, "--html", str(path)) == 0
    assert Page(path.read_text()).loads == []
    assert "&lt;script&gt;.json" in path.read_text()
