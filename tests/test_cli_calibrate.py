"""A plan from models trained at home: which dose tells the end, and what epsilon is."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxverify import DataError, UserError, stats
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.record import load
from jaxverify.record.calibration import calibrate, load_calibration, save_calibration
from jaxverify.task.doses import Doses
from jaxverify.task.options import TaskOptions

RNG = np.random.default_rng(0)
# What models know of each dose: at home those cut short know the highest dose, as the others do.
FINISHED, CUT = {0: 0.0, 1: 0.65, 4: 1.0}, {0: 0.0, 1: 0.03, 4: 0.9}


def answers(path, record, knows):
    labels, doses = np.asarray(record.samples().labels), record.doses_of_samples()
    known = RNG.random(len(labels)) < np.vectorize(knows.get)(doses)
    said = np.where(known, labels, RNG.integers(0, record.task.num_classes, len(labels)))
    names = [record.class_names[i] for i in said]
    path.write_text(json.dumps(dict(zip(sample_ids(record), names, strict=True))))
    return str(path)


@pytest.fixture
def home(tmp_path, monkeypatch, fixed_secrets):
    """A part of the data, protected at home, and the whole of it."""
    monkeypatch.chdir(tmp_path)
    for name, rows in (("part", 4000), ("data", 20_000)):
        columns = {f"x{i}": RNG.random(rows) for i in range(20)}
        pq.write_table(
            pa.table({**columns, "label": [f"c{i % 5}" for i in range(rows)]}), f"{name}.parquet"
        )
    command = ["protect", "part.parquet", "--out", "home.parquet", "--record", "home.json"]
    assert main([*command, "--doses", "0,1,4", "--eta", "0.15"]) == 0
    return tmp_path


def calibrated(home, *, finished=(FINISHED, FINISHED), cut=(CUT, CUT)):
    record = load(home / "home.json")
    of = {
        name: [answers(home / f"{name}{i}.json", record, knows) for i, knows in enumerate(models)]
        for name, models in (("finished", finished), ("cut", cut))
    }
    command = ["calibrate", "home.json", "--out", "plan.json", "--finished", *of["finished"]]
    return main([*command, "--cut", *of["cut"]])


def test_the_dose_that_tells_the_end_is_planned_and_its_epsilon_committed_to(home, capsys):
    assert calibrated(home) == 0
    plan = load_calibration(home / "plan.json")
    assert plan.dose == 1  # the highest is known by all
    assert 0.03 < plan.epsilon < 0.25 < plan.share < 0.65
    said = " ".join(capsys.readouterr().out.split())
    assert "of the finished models 2 of 2 would pass, of those cut short 0 of 2" in said
    command = ["protect", "data.parquet", "--out", "up.parquet", "--record", "r.json"]
    assert main([*command, "--plan", "plan.json"]) == 0
    record = load(home / "r.json")
    assert (record.epsilon, record.doses) == (plan.epsilon, Doses((0, 1)))
    assert record.task.num_samples % 10 == 0
    for knows, outcome, status in ((FINISHED, "PASS", 0), (CUT, "FAIL", 1)):
        path = answers(home / "a.json", record, knows)
        capsys.readouterr()
        assert main(["verify", "r.json", "--predictions", path, "--json"]) == status
        assert json.loads(capsys.readouterr().out)["outcome"] == outcome


def test_where_no_dose_tells_them_apart_nothing_is_planned(home, capsys):
    assert calibrated(home, cut=(CUT, FINISHED)) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "no dose tells finished models from those cut short (dose 1: cut at most" in error
    assert not (home / "plan.json").exists()


def test_what_cannot_be_calibrated_is_refused(home, capsys):
    record = load(home / "home.json")
    whole = answers(home / "whole.json", record, FINISHED)
    some = dict(list(json.loads((home / "whole.json").read_text()).items())[:9])
    (home / "some.json").write_text(json.dumps(some))
    command = ["calibrate", "home.json", "--out", "plan.json", "--cut", whole, "--finished"]
    assert main([*command, "some.json"]) == 2
    assert "some.json answers 9 of the" in " ".join(capsys.readouterr().err.split())
    protect = ["protect", "part.parquet", "--out", "o.parquet", "--record", "o.json"]
    assert main(protect) == 0
    assert (
        main(["calibrate", "o.json", "--out", "p.json", "--cut", whole, "--finished", whole]) == 2
    )
    assert "come in no doses" in " ".join(capsys.readouterr().err.split())


def test_a_plan_and_options_that_it_has_do_not_go_together(home, capsys):
    assert calibrated(home) == 0
    command = ["protect", "data.parquet", "--out", "u.parquet", "--record", "u.json"]
    for option, name in (("--epsilon=0.1", "epsilon"), ("--doses=0,2", "the doses")):
        assert main([*command, "--plan", "plan.json", option]) == 2
        assert f"--plan says what {name}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "change",
    [
        {"dose": True},
        {"dose": 65},
        {"share": "x"},
        {"max_share": 0},
        {"wanted": 2.0},
        {"known_early": "x"},
        {"share": 0.01},
        {"finished": [[99, 1]]},
        {"unknown": 1},
        {"kind": "sound"},
        {"options": {"eta": "x"}},
        {"options": {"eta": None, "fixed_ratio": "a"}},
        {"options": {"eta": None, "epsilon": -0.1}},
        {"options": {"eta": None, "generator": "tartan"}},
    ],
    ids=str,
)
def test_a_plan_that_was_changed_by_hand_is_an_error(change, home, capsys):
    assert calibrated(home) == 0
    value = json.loads((home / "plan.json").read_text())
    options = {**value["options"], **change.pop("options", {})}
    (home / "plan.json").write_text(json.dumps({**value, "options": options, **change}))
    capsys.readouterr()
    command = ["protect", "data.parquet", "--out", "up.parquet", "--record", "r.json"]
    assert main([*command, "--plan", "plan.json"]) == 2
    assert "plan.json is damaged" in " ".join(capsys.readouterr().err.split())
    assert not (home / "r.json").exists()


def test_a_plan_is_for_data_of_as_many_classes_and_of_its_kind(home, capsys):
    assert calibrated(home) == 0
    table = pq.read_table("data.parquet")
    other = table.set_column(20, "label", pa.array([f"c{i % 4}" for i in range(table.num_rows)]))
    pq.write_table(other, "other.parquet")
    command = ["protect", "other.parquet", "--out", "o.parquet", "--record", "o.json"]
    assert main([*command, "--plan", "plan.json"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the data have 4 classes, and the plan is for 5" in said
    assert main([*command, "--plan", "plan.json", "--kind", "text"]) == 2
    assert "the plan is for features of kind vector, not text" in capsys.readouterr().err


def test_a_model_that_knows_what_nobody_was_given_is_refused(home, capsys):
    assert calibrated(home, finished=({0: 0.9, 1: 0.9, 4: 0.9},)) == 2
    assert "samples of dose 0, which nobody was given" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "is not a plan of jaxverify"),
        (
            '{"format": "jaxverify calibration", "version": 9}',
            "is a plan of version 9, and this jaxverify reads 1 alone",
        ),
        ('{"format": "jaxverify calibration", "version": 1}', "is damaged"),
    ],
)
def test_a_damaged_plan_is_an_error(content, message, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        load_calibration(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_calibration(tmp_path / "nowhere.json")


def test_epsilon_is_at_least_the_upper_bound_on_what_each_cut_model_knew(tmp_path):
    doses = np.repeat([0, 1, 4], 100)
    of = {name: np.vectorize(knows.get)(doses) for name, knows in (("f", FINISHED), ("c", CUT))}
    draws = {name: RNG.random((3, 300)) for name in of}  # three models, which know unlike shares
    models = {"f": [u < of["f"] for u in draws["f"]]}
    models["c"] = [u < of["c"] + more for u, more in zip(draws["c"], (0, 0.08, 0.16), strict=True)]
    plan = calibrate(models["f"], models["c"], doses, 4, TaskOptions(labels="balanced"), "text")
    for right in models["c"]:
        hits = int(right[doses == plan.dose].sum())
        assert plan.epsilon >= stats.memorised_bounds(hits, 100, 4, 0.975)[1]
    for right in models["f"]:
        hits = int(right[doses == plan.dose].sum())
        assert plan.share <= stats.memorised_bounds(hits, 100, 4, 0.975)[0]
    save_calibration(plan, tmp_path / "plan.json")
    assert load_calibration(tmp_path / "plan.json") == plan
    with pytest.raises(UserError, match="give answers of a finished model or more"):
        calibrate([], models["c"], doses, 4, TaskOptions(), "text")


def rights(shares, doses):
    """Models that know exactly these shares of each dose, and nothing of the control."""
    models = []
    for share in shares:
        right = np.zeros(len(doses), bool)
        for dose in np.unique(doses[doses > 0]):
            of = np.flatnonzero(doses == dose)
            right[of[: round(share * len(of))]] = True
        models.append(right)
    return models


def test_epsilon_is_raised_half_way_at_most_and_as_far_as_the_rows_allow():
    doses = np.repeat([0, 4], 200)
    options = TaskOptions(labels="balanced")
    models = rights((0.95, 0.9), doses), rights((0.1, 0.3), doses)

    def plan(num_rows):
        return calibrate(*models, doses, 10, options, "vector", max_share=0.1, num_rows=num_rows)

    unknown, few, some, many = plan(None), plan(100), plan(2_000), plan(10**6)
    assert unknown.epsilon == unknown.known_early == few.epsilon
    assert few.epsilon < some.epsilon < many.epsilon
    middle = (many.known_early + many.share) / 2
    assert middle - 0.006 < many.epsilon <= middle
    assert some.num_rows <= 200 < few.num_rows + 200
    assert {each.gap for each in (unknown, few, some, many)} == {unknown.gap}


def test_the_plan_that_fits_into_the_rows_is_taken_before_the_one_with_the_larger_gap():
    doses = np.repeat([0, 1, 16], 200)
    of = {0: 0.0, 1: 0.6, 16: 0.95}
    finished = np.zeros(len(doses), bool)
    for dose, share in of.items():
        finished[np.flatnonzero(doses == dose)[: int(200 * share)]] = True
    cut = np.zeros(len(doses), bool)
    options = TaskOptions(labels="balanced")
    large, small = (
        calibrate([finished], [cut], doses, 10, options, "vector", num_rows=rows)
        for rows in (10**6, 3_000)
    )
    assert (large.dose, small.dose) == (16, 1)
    assert small.least_rows <= 3_000


def test_no_larger_share_of_rows_is_extra_than_where_the_models_were_trained():
    doses = np.repeat([0, 4], 200)
    options = TaskOptions(labels="balanced")
    models = rights((0.95, 0.9), doses), rights((0.1, 0.3), doses)

    def plan(home_rows):
        return calibrate(
            *models, doses, 10, options, "vector", 0.25, num_rows=10_000, home_rows=home_rows
        )

    free, near, far = plan(None), plan(50_000), plan(100_000)
    assert (free.max_share, near.max_share, far.max_share) == (0.25, 0.016, 0.008)
    assert far.num_rows <= 80 < near.num_rows <= 160 < free.num_rows
    assert far.epsilon < near.epsilon < free.epsilon


def test_bounds_are_wider_where_several_constructions_are_compared():
    doses = np.repeat([0, 4], 200)
    models = rights((0.95, 0.9), doses), rights((0.1, 0.3), doses)
    one, three = (
        calibrate(*models, doses, 10, TaskOptions(), "vector", num_constructions=number)
        for number in (1, 3)
    )
    assert three.known_early > one.known_early
    assert three.share < one.share


def test_no_more_rows_are_extra_than_the_plan_allows_and_what_that_costs_is_said(home, capsys):
    assert calibrated(home) == 0
    plan = json.loads((home / "plan.json").read_text())
    command = ["protect", "data.parquet", "--plan", "plan.json"]
    extra = {}
    for name, max_share in (("wide", 0.5), ("tight", 0.001)):
        (home / "plan.json").write_text(json.dumps({**plan, "max_share": max_share}))
        capsys.readouterr()
        files = ["--out", f"{name}.parquet", "--record", f"{name}.json"]
        assert main([*command, *files]) == 0
        said = " ".join(capsys.readouterr().out.split())
        extra[name] = pq.read_table(f"{name}.parquet").num_rows - 20_000
        assert ("only 0.1% of 20,000 rows may be extra" in said) == (name == "tight")
        assert ("a finished model passes in" in said) == (name == "tight")
    assert extra["wide"] >= load_calibration(home / "plan.json").num_rows > 20 >= extra["tight"] > 0
