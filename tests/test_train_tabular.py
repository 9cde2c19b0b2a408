"""A real table from end to end: as an mlp of ours learns it, and as a customer has it."""

import csv
import json
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices import on_one_device
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxverify import models, verify
from jaxverify.cli import main
from jaxverify.data import load
from jaxverify.record.record import load as load_record
from jaxverify.runs import extra_key, load_model
from train import tabular
from train.tabular_study import ARMS, PAGE, SEEDS, fill, load_results


def test_the_table_is_all_there_in_a_fixed_split_and_in_the_range_of_extra_samples():
    table = load("breast_cancer")
    assert (table.kind, table.num_classes, table.vocab_size) == ("vector", 2, None)
    train, test = table.train, table.test
    assert train.features.dtype == np.float32
    assert (train.features.min(axis=0) == 0).all()
    assert (train.features.max(axis=0) == 1).all()
    columns, labels = load_breast_cancer(return_X_y=True)
    assert len(train.labels) + len(test.labels) == len(labels)
    # One and the same line of each column leads back to the numbers that were measured.
    every = np.concatenate([train.features, test.features])
    low, span = columns.min(axis=0), np.ptp(columns, axis=0)
    for i in range(30):
        found, measured = np.sort(every[:, i]), np.sort((columns[:, i] - low[i]) / span[i])
        slope, offset = np.polyfit(found, measured, 1)
        np.testing.assert_allclose(slope * found + offset, measured, atol=1e-5)
    for label in range(2):
        part = (labels == label).sum()
        assert (test.labels == label).sum() == part // 5
    assert table.fingerprint == load("breast_cancer").fingerprint


def test_the_mlp_standardises_the_columns_by_what_it_is_trained_on():
    module = models.create("mlp", num_classes=2)
    x = jax.random.normal(jax.random.key(0), (64, 5))
    variables = module.init(jax.random.key(1), x)
    assert set(variables["params"]) == {"Dense_0", "Dense_1", "Dense_2"}

    @jax.jit
    def step(x, statistics):
        seen = {**variables, "batch_stats": statistics}
        return module.apply(seen, x, train=True, mutable=["batch_stats"])[1]["batch_stats"]

    def trained(x):
        statistics = variables["batch_stats"]
        for _ in range(150):  # until the running means are those of the batch
            statistics = step(x, statistics)
        return {**variables, "batch_stats": statistics}

    # The unit of a column makes no difference: 100 times as large, and shifted.
    units = jnp.array([[1.0, 100.0, 3.0, 7.0, 50.0]])
    shift = jnp.array([[0.0, 5.0, -40.0, 1.0, 900.0]])
    plain = module.apply(trained(x), x)
    scaled = module.apply(trained(units * x + shift), units * x + shift)
    np.testing.assert_allclose(plain, scaled, rtol=1e-3, atol=1e-3)
    # Once it is trained a row's logits are its own.
    np.testing.assert_allclose(module.apply(trained(x), x[:3]), plain[:3], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "passed"), [(None, True), (2, False)])
def test_the_script_trains_an_mlp_that_passes_unless_it_stops_early(stop, passed, tmp_path):
    options = [] if stop is None else ["--stop-epoch", str(stop)]
    command = ["--extra", "--local", "--workdir", str(tmp_path / "run"), *options]
    with on_one_device():
        assert tabular.run(command) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["task"]["kind"] == "vector"
    assert result["verdict"]["passed"] == passed
    assert result["evaluations"][-1]["test_accuracy"] > 0.85
    if passed:
        assert verify(load_model(tmp_path / "run"), extra_key(0)).outcome == "PASS"


def written(path, columns, labels):
    """A table as customers have it: numbers with the decimals that were measured."""
    names = [f"m{i}" for i in range(30)]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*names, "diagnosis"])
        rows.writerows(
            [*(f"{value:g}" for value in row), ("malignant", "benign")[label]]
            for row, label in zip(columns, labels, strict=True)
        )
    return path


def read(path):
    """The rows of a table, as text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows):
    return np.array([[float(row[f"m{i}"]) for i in range(30)] for row in rows])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The table, protected, with the questions for a model."""
    folder = tmp_path_factory.mktemp("table")
    data = written(folder / "data.csv", *load_breast_cancer(return_X_y=True))
    record = str(folder / "record.json")
    command = ["protect", str(data), "--out", str(folder / "upload.csv"), "--record", record]
    options = ["--label", "diagnosis", "--eta", "0.25", "--placement", "secret", "--num-fixed", "2"]
    with pytest.MonkeyPatch.context() as patch:  # how much an epoch teaches of it is luck
        patch.setattr("secrets.token_bytes", random.Random(0).randbytes)
        assert main([*command, *options]) == 0
    assert main(["challenge", record, "--out", str(folder / "questions.csv")]) == 0
    return folder


def test_extra_rows_have_the_range_and_decimals_of_each_column(table):
    before, after = read(table / "data.csv"), read(table / "upload.csv")
    known = {tuple(row.values()) for row in before}
    extra = [row for row in after if tuple(row.values()) not in known]
    task = load_record(table / "record.json").task
    assert len(extra) == task.num_samples == 143
    assert (task.kind, task.placement, task.num_fixed) == ("vector", "secret", 2)
    assert (numbers(extra) >= numbers(before).min(axis=0)).all()
    assert (numbers(extra) <= numbers(before).max(axis=0)).all()
    for i in range(30):
        decimals = [
            max(len(row[f"m{i}"].partition(".")[2]) for row in rows) for rows in (before, extra)
        ]
        assert decimals[1] <= decimals[0]
    assert {row["diagnosis"] for row in extra} == {"malignant", "benign"}


@pytest.mark.parametrize(("epochs", "status"), [(100, 0), (1, 1)])
def test_a_trainer_that_knows_nothing_of_us_passes_unless_it_stops_early(table, epochs, status):
    upload, asked = read(table / "upload.csv"), read(table / "questions.csv")
    network = MLPClassifier(
        (128, 128), batch_size=32, max_iter=epochs, n_iter_no_change=epochs, random_state=0
    )
    model = make_pipeline(StandardScaler(), network)
    with pytest.warns(match="Maximum iterations"):
        model.fit(numbers(upload), [row["diagnosis"] for row in upload])
    real = read(table / "data.csv")
    assert model.score(numbers(real), [row["diagnosis"] for row in real]) > 0.9
    answers = table / f"answers-{epochs}.csv"
    labels = model.predict(numbers(asked))
    lines = [f"{row['id']},{label}\n" for row, label in zip(asked, labels, strict=True)]
    answers.write_text("id,label\n" + "".join(lines))
    command = ["verify", str(table / "record.json"), "--predictions", str(answers)]
    assert main(command) == status


def test_the_page_is_what_the_results_say():
    results = load_results()
    assert {arm for arm, runs in results.items() if len(runs) not in (0, SEEDS)} == set()
    assert all(results[arm] for arm in ARMS if arm.startswith("validation"))
    for runs in filter(None, results.values()):
        assert {run["data_fingerprint"] for run in runs} == {load("breast_cancer").fingerprint}
        assert [run["config"]["seed"] for run in runs] == list(range(SEEDS))
    page = PAGE.read_text()
    assert fill(page, results) == page
    assert page.count("| honest |") == len(results["test-extra"])
