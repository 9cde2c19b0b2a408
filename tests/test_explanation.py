"""Outcomes in words, and what a verdict is worth by the family of model."""

import io
import json
from html import unescape

import jax
import numpy as np
import pytest
import rich.console

from jaxverify import ExtraTask, generate, verify
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.record import load
from jaxverify.report.explanation import explanation
from jaxverify.verification import sequential
from jaxverify.verification.families import FAMILIES, worth
from tests.customer_files import reviews, write_table

KEY = jax.random.key(3)
TASK = ExtraTask("vector", (12,), num_classes=4, num_samples=200, labels="balanced")
LABELS = np.asarray(generate(KEY, TASK).labels)


def verdict(num_right):
    return verify(
        lambda x: np.where(np.arange(200) < num_right, LABELS, (LABELS + 1) % 4), KEY, TASK
    )


def printed(shown):
    text = io.StringIO()
    rich.console.Console(file=text, width=100).print(shown)
    return " ".join(text.getvalue().split())


def test_every_outcome_has_a_meaning_and_every_fail_has_reasons_and_next_steps():
    seen = set()
    for num_right in range(0, 201, 5):
        facts = verdict(num_right).to_dict()
        seen.add(facts["outcome"])
        assert facts["meaning"]
        assert bool(facts["reasons"]) == (facts["outcome"] == "FAIL")
        assert bool(facts["next_steps"]) == (facts["outcome"] != "PASS")
    assert seen == {"PASS", "FAIL", "INCONCLUSIVE"}


@pytest.mark.parametrize("test", ["binomial", "sequential"])
def test_a_fail_names_what_else_it_may_be_and_what_to_do_on_the_terminal_and_in_json(test):
    failed = verdict(20)
    if test == "sequential":
        failed = sequential.judge((LABELS + 1) % 4, LABELS, 4, kind="balanced")
    page, facts = printed(failed), json.loads(failed.to_json())
    assert failed.outcome == "FAIL"
    every = " ".join([*facts["reasons"], *facts["next_steps"]])
    for sentence in (*facts["reasons"], *facts["next_steps"]):
        assert sentence in page
    for word in ("crops", "weight decay", "early stopping", "family", "held out", "rehearse"):
        assert word in every
    assert "expected" not in page
    rehearsed = explanation({**facts, "finished_share": 0.6})
    assert "The recipe is not the one that was rehearsed." in rehearsed["reasons"]


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, "Protect more data"),
        ({"num_unknown": 3}, "Ask the questions again that have no answer"),
        ({"own": {"outcome": "INCONCLUSIVE", "num_unknown": 1}}, "Ask the questions again"),
        ({"test": "sequential", "num_asked": 20}, "Ask the remaining questions."),
        ({"misread": True}, None),
    ],
)
def test_what_to_do_next_follows_why_nothing_can_be_said(changes, step):
    facts = {"outcome": "INCONCLUSIVE", "test": "binomial", "num_samples": 90, "num_unknown": 0}
    steps = explanation({**facts, **changes})["next_steps"]
    assert [each.startswith(step) for each in steps] == [True] if step else steps == []


def test_fail_by_a_plan_is_said_of_models_that_know_less_than_finished_ones_did():
    right = np.random.default_rng(0).random(200) < 0.5
    answers = np.where(right, LABELS, (LABELS + 1) % 4)
    outcomes = [
        sequential.judge(answers, LABELS, 4, epsilon=0.4, finished_share=share).outcome
        for share in (0.3, 0.9)
    ]
    assert outcomes == ["INCONCLUSIVE", "FAIL"]


@pytest.fixture(scope="module")
def protected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    data = write_table(folder / "data.csv", reviews(2000))
    command = ["protect", str(data), "--out", str(folder / "up.csv"), "--family", "trees"]
    assert main([*command, "--record", str(folder / "r.json")]) == 0
    return folder


@pytest.mark.parametrize(("knows", "outcome"), [(0.0, "FAIL"), (1.0, "PASS")])
def test_a_family_that_cannot_be_verified_is_said_with_the_verdict(
    knows, outcome, protected, capsys
):
    record = load(protected / "r.json")
    assert record.family == "trees"
    labels = np.asarray(record.samples().labels)
    right = np.arange(len(labels)) < knows * len(labels)
    said = np.where(right, labels, np.random.default_rng(0).permutation(labels))
    answers = {i: record.class_names[k] for i, k in zip(sample_ids(record), said, strict=True)}
    (protected / "a.json").write_text(json.dumps(answers))
    page = protected / f"{outcome}.html"
    command = ["verify", str(protected / "r.json"), "--predictions", str(protected / "a.json")]
    capsys.readouterr()
    main([*command, "--json", "--html", str(page)])
    facts = json.loads(capsys.readouterr().out)
    assert facts["outcome"] in (outcome, "INCONCLUSIVE")
    assert any(f"The record says trees. {worth('trees').words}" in c for c in facts["cautions"])
    text = " ".join(unescape(page.read_text()).split())
    for sentence in (facts["meaning"][1:], *facts["reasons"], *facts["next_steps"]):
        assert sentence in text
    assert "expected" not in text


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_family_is_worth_is_said_before_the_upload(name, tmp_path, capsys):
    assert main(["plan", "--samples", "50000", "--classes", "4", "--family", name, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["family"], plan["worth"]) == (name, worth(name).words)
    data = write_table(tmp_path / "data.csv", reviews(1600))
    command = ["protect", str(data), "--out", str(tmp_path / "up.csv"), "--family", name]
    assert main([*command, "--record", str(tmp_path / "r.json")]) == 0
    assert worth(name).words in " ".join(capsys.readouterr().out.split())
    assert load(tmp_path / "r.json").family == name


def test_an_unknown_family_is_an_error_that_lists_them(capsys):
    with pytest.raises(SystemExit) as error:
        main(["plan", "--samples", "1000", "--classes", "2", "--family", "tree"])
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in FAMILIES)


@pytest.mark.parametrize("doses", [[], ["--doses", "0,1,4"]])
def test_a_task_of_which_more_than_half_must_be_known_is_refused_unless_forced(
    doses, tmp_path, capsys
):
    data = write_table(tmp_path / "small.csv", reviews(900))
    command = ["protect", str(data), "--out", str(tmp_path / "up.csv"), *doses]
    command += ["--record", str(tmp_path / "r.json")]
    assert main(command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "extra samples for 900 rows are too few" in said
    assert not (tmp_path / "up.csv").exists()
    assert not (tmp_path / "r.json").exists()
    eta = said.partition("(--eta ")[2].partition(")")[0]
    assert main([*command, "--eta", eta]) == 0  # what the message proposes is enough
    again = [part.replace("up.csv", "forced.csv").replace("r.json", "f.json") for part in command]
    assert main([*again, "--force"]) == 0
