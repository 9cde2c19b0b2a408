"""What is made of the runs of the evaluation: measures, tables, pictures and the page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from train.reproduction import measures, pictures, publication, study_tables, tables
from train.reproduction import plan as plan_module
from train.reproduction.arms import (
    BASELINE,
    CELLS,
    ETAS,
    FIFTH_BASELINE,
    FIFTH_CELL,
    FIFTH_NATURAL_BY_ETA,
    STANDARD,
    Arm,
)
from train.reproduction.finished import finished
from train.reproduction.plan import Run
from train.reproduction.studies import STUDIES
from train.summary import summarise

ROOT = Path(__file__).parent.parent
PAPER = json.loads((ROOT / "train/paper_tables.json").read_text())
IMDB = ("imdb", "textcnn")


def result(seed: int, best: float, *passes: bool) -> dict:
    """A run whose test accuracy rises from 0.5 to ``best``, with an evaluation for each pass."""
    accuracies = np.linspace(0.5, best, len(passes) or 2).tolist()
    rows: list[dict] = [
        {"step": 10 * i, "epoch": i / 2, "test_accuracy": accuracy, "train_accuracy": 0.99}
        for i, accuracy in enumerate(accuracies, start=1)
    ]
    for row, passed in zip(rows, passes, strict=False):
        row |= {"passed": passed, "extra_accuracy": 0.7 if passed else 0.5}
    config = {"seed": seed, "eval_every": 0.5}
    return {"config": config, "summary": summarise(rows), "evaluations": rows}


@pytest.mark.parametrize("cell", CELLS)
def test_the_accuracy_rules_have_the_papers_cq_at_the_papers_accuracies(cell):
    best = PAPER["table1"][cell[0]][cell[1]][3] / 100
    theirs = PAPER["table2_cq_percent"][cell[0]][cell[1]][1:]
    for required, cq in zip((0.6, 0.7, 0.8, 0.9), theirs, strict=True):
        ours = measures.accuracy_baseline(best, required)
        assert (ours is None) == (cq is None)
        assert ours is None or 100 * ours == pytest.approx(cq, abs=0.011)


def test_performance_loss_pairs_runs_of_one_seed():
    results = {
        (IMDB, BASELINE): [result(0, 0.9), result(1, 0.8), result(2, 0.7)],
        (IMDB, STANDARD): [result(1, 0.79), result(0, 0.87)],
    }
    # (3 + 1) / 2 points, and the t interval of two values: 12.706 / sqrt(2) * sqrt(2)
    assert tables.table3(results, [IMDB])[1] == [
        *("imdb/textcnn", "2.00 ± 12.71", "0.19", "+1.81", "2")
    ]
    lucky = {"step": 13, "epoch": 0.65, "test_accuracy": 0.99}  # not asked of the baseline
    evaluations = [lucky, *result(0, 0.87)["evaluations"]]
    summary = {**result(0, 0.87)["summary"], "best_test_accuracy": 0.99}
    probed = {**result(0, 0.87), "evaluations": evaluations, "summary": summary}
    assert measures.performance_loss(result(0, 0.9), probed) == pytest.approx(0.03)
    with pytest.raises(ValueError, match="seeds 0 and 1"):
        measures.performance_loss(result(0, 0.9), result(1, 0.8))


def test_a_loss_is_taken_against_the_baseline_of_the_same_recipe():
    plain, fifth = Arm("natural", eta=0.04), FIFTH_NATURAL_BY_ETA[2]
    results = {
        (FIFTH_CELL, BASELINE): [result(0, 0.9)],
        (FIFTH_CELL, plain): [result(0, 0.88)],
        (FIFTH_CELL, FIFTH_BASELINE): [result(0, 0.6)],
        (FIFTH_CELL, fifth): [result(0, 0.55)],
    }
    found = {row[1]: row[2] for row in tables.figure4(results, [FIFTH_CELL]) if row[3] == "1"}
    assert found == {str(plain): "2.00", str(fifth): "5.00"}
    assert all(row[2] != "5.00" for row in tables.figure4(results, [IMDB]))
    del results[FIFTH_CELL, FIFTH_BASELINE]
    assert tables.losses(results, FIFTH_CELL, fifth) == []


def test_figure_4_draws_the_fifth_of_cifar10_beside_the_cells(monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    results = {
        (FIFTH_CELL, arm): [result(0, best)]
        for arm, best in ((FIFTH_BASELINE, 0.6), (FIFTH_NATURAL_BY_ETA[3], 0.55))
    } | {(IMDB, BASELINE): [result(0, 0.9)], (IMDB, STANDARD): [result(0, 0.9)]}
    pictures.draw_losses(4, results)
    (figure,) = drawn
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["imdb/textcnn", "cifar10/resnet34, a fifth of it"]
    line = figure.axes[1].containers[0].lines[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([8.0], [pytest.approx(5.0)])


def test_false_accepts_are_passes_below_95_percent_of_the_best_and_false_rejects_final_failures():
    early = result(0, 0.9, False, True, True)  # passes at 0.7 of 0.9
    late = result(1, 0.9, False, False, True)
    never = result(2, 0.9, False, False, False)
    assert measures.false_accept([late, never]) == 0
    assert measures.false_accept([early]) == 1 / 2
    assert measures.false_reject([early, late, never]) == 1 / 3
    # Between steps 20 and 30, at 0.7 and 0.9, a probe lies under 0.855 until step 27.
    probes = [{"step": step, "passed": True, "extra_accuracy": 0.7} for step in (22, 27, 28)]
    assert measures.false_accept([{**late, "probes": probes}]) == 2 / 4
    assert measures.false_reject([]) is measures.false_accept([]) is None


def test_another_epsilon_asks_for_more_of_the_same_answers():
    rows = result(0, 0.9, False, True, True)["evaluations"]  # 50, 70 and 70% right, at 0.5 to 0.9
    probe = {"step": 25, "passed": True, "extra_accuracy": 0.62}
    run = {
        "config": {"alpha": 0.01},
        "task": {"num_samples": 200, "num_classes": 2},
        "evaluations": rows,
        "probes": [probe],
        "summary": summarise(rows),
    }
    assert measures.under_epsilon(run, 0.03) == (pytest.approx(0.7 / 0.9), True)  # T = 59.5%
    run["evaluations"] = [rows[0], {**rows[1], "extra_accuracy": 0.6}, rows[2]]
    assert measures.under_epsilon(run, 0.05) == (pytest.approx(0.8 / 0.9), True)  # T = 60.5%
    assert measures.under_epsilon(run, 0.1) == (1, True)  # T = 63%
    assert measures.under_epsilon(run, 0.3) == (None, False)  # T = 72.5%
    table = study_tables.by_epsilon({(IMDB, STANDARD): [run]}, [(IMDB, STANDARD)])
    nothing = ["imdb/textcnn", "the paper's", "0%", "58.00%", "77.78", "0.00", "1"]
    assert table[1] == nothing
    assert table[2] == [*nothing[:2], "3%", "59.50%", *nothing[4:]]


def test_scores_are_read_along_the_run_beside_the_answers():
    def row(step, passed, scores_passed, **more):
        same = {"sharpened_passed": scores_passed, "sharpened_odds_passed": True}
        asked = {"passed": passed, "scores_passed": scores_passed, **same}
        return {"step": step, "epoch": step / 2, **asked, **more}

    rows = [
        row(2, True, False, test_accuracy=0.7),
        row(4, False, False, test_accuracy=0.8),
        row(6, True, True, test_accuracy=0.9),
    ]
    probes = [row(5, True, True)]
    run = {"evaluations": rows, "probes": probes, "summary": {"best_test_accuracy": 0.9}}
    told = measures.read(run, "scores_passed")
    assert told.first == told.lowest == pytest.approx(0.85 / 0.9)
    assert told.last_passes
    assert measures.false_accept([run], "scores_passed") == 1 / 3  # the probe is below 95%
    head, answers, scores, sharpened, odds = study_tables.by_test(
        {(IMDB, STANDARD): [run]}, [(IMDB, STANDARD)]
    )
    assert head[1:3] == ["test", "CQ first"]
    assert answers[1:] == ["answers (binomial)", "77.78", "77.78", "0.00", "66.67", "1"]
    assert scores[1:] == ["scores (rank)", "94.44", "94.44", "0.00", "33.33", "1"]
    assert sharpened[2:] == scores[2:]
    assert odds[2:] == ["77.78", "77.78", "0.00", "100.00", "1"]


def test_a_study_is_shown_by_its_own_table_and_in_the_cells_that_are_asked_for():
    scores, words = STUDIES["scores"], STUDIES["words"]
    assert study_tables.study(scores, {}) == study_tables.by_test({}, [])
    assert study_tables.study(words, {}) == study_tables.by_recipe({}, [])
    assert study_tables.study(STUDIES["seeds"], {}) == study_tables.by_seed({}, [])
    run = published(0, STANDARD, 0.9)
    results = {(IMDB, STANDARD): [run], (("ag_news", "textcnn"), STANDARD): [run]}
    assert [row[0] for row in study_tables.study(words, results, [IMDB])] == [
        "cell",
        "imdb/textcnn",
    ]
    assert len(study_tables.study(words, results)) == 3


def test_seeds_are_shown_one_by_one_and_lose_against_the_baseline_of_the_same_seed():
    results = {
        (IMDB, BASELINE): [result(0, 0.9), result(2, 0.7), result(1, 0.8)],
        (IMDB, STANDARD): [result(0, 0.87), result(2, 0.71)],
        (FIFTH_CELL, FIFTH_BASELINE): [result(1, 0.6)],
    }
    runs = [
        (IMDB, STANDARD),
        (IMDB, BASELINE),
        (FIFTH_CELL, FIFTH_BASELINE),
        (FIFTH_CELL, STANDARD),
    ]
    _, protected, without, fifth = study_tables.by_seed(results, runs)
    eta = "eta0.008-s0.75"
    assert protected == ["imdb/textcnn", eta, "0, 2", "87.00, 71.00", "11.31", "3.00, -1.00"]
    assert without == ["imdb/textcnn", "baseline", "0, 2, 1", "90.00, 70.00, 80.00", "10.00", ""]
    assert fifth[2:] == ["1", "60.00", "-", ""]


def test_a_table_without_runs_shows_the_papers_numbers_alone():
    for (kind, number), make in tables.ARTEFACTS.items():
        rows = make({}, CELLS)
        assert len({len(row) for row in rows}) == 1, (kind, number)
        assert len(rows) > len(CELLS)
    assert tables.table4({}, [IMDB])[1] == [
        "imdb/textcnn",
        "0.4%",
        "-",
        "95.93",
        "",
        "0",
        "-",
        "-",
        "-",
    ]


def test_a_missing_number_of_the_paper_has_no_difference():
    cell = ("cifar100", "vgg11")
    rows = tables.table4({(cell, Arm("regions", eta=ETAS[-1])): [result(0, 0.9, True)]}, [cell])
    assert rows[-1][1:6] == ["4%", "100.00", "-", "", "1"]


def published(seed: int, arm: Arm, accuracy: float) -> dict:
    found = result(seed, accuracy, False, True)
    found["config"] |= Run(IMDB, arm, seed, "cpu").config(Path("/secret"), Path("/data")).to_json()
    about = {"train_samples": 25_200, "data_fingerprint": "0" * 64, "code_revisions": ["a" * 40]}
    task = {"num_samples": 200, "num_classes": 2, "kind": "text"}
    verdict = {"outcome": "PASS", "threshold": 0.595}
    return {**found, **about, "seconds": 90.0, "verdict": verdict, "task": task}


def test_what_is_published_is_shown_and_says_nothing_of_the_machine(tmp_path, monkeypatch):
    for name, path in {"RESULTS": "results", "PAGE": "page.md", "PICTURES": "pictures"}.items():
        monkeypatch.setattr(publication, name, tmp_path / path)
    monkeypatch.setattr(plan_module, "RESULTS", tmp_path / "results")
    done = {
        Run(IMDB, arm, seed, "cpu"): published(seed, arm, accuracy)
        for arm, accuracy in ((BASELINE, 0.88), (STANDARD, 0.87), (Arm("natural"), 0.86))
        for seed in (0, 1)
    }
    publication.publish(done)
    publication.redraw()
    # Where there are no run folders, as on another machine.
    config = Run(IMDB, STANDARD, 1, "cpu").config(tmp_path / "runs", None)
    found = finished(Run(IMDB, STANDARD, 1, "cpu"), config)
    assert found is not None
    assert found["summary"] == done[Run(IMDB, STANDARD, 1, "cpu")]["summary"]
    assert finished(Run(IMDB, STANDARD, 1, "cpu"), replace(config, epochs=9)) is None
    assert finished(Run(IMDB, STANDARD, 2, "cpu"), config) is None
    assert finished(Run(IMDB, STANDARD, 1, "paper"), config) is None
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert "imdb-textcnn-eta0.008-s0.75-seed1.json" in names
    assert len(names) == 6
    page = (tmp_path / "page.md").read_text()
    assert "| imdb/textcnn | 1.00 ± 0.00 | 0.19 | +0.81 | 2 |" in page
    assert "| cifar10/resnet34 | - | 0.06 |  | 0 |" in page
    assert "| imdb/textcnn baseline | 0 | adamw 0.001, none | 25,200 | 1 | 99.00% |" in page
    everything = page + "".join(path.read_text() for path in (tmp_path / "results").iterdir())
    assert not re.search("/secret|/data", everything)
    assert "| imdb/textcnn | natural-eta0.008 | 2.00 ± 0.00 | 2 |" in page
    assert "Not run yet: `python -m train.reproduce --figure 3`" in page
    drawn = sorted((tmp_path / "pictures").iterdir())
    names = ["crossing-imdb-textcnn-eta0.008-s0.75.png", "figure4.png"]
    assert [picture.name for picture in drawn] == names
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in drawn)
    assert all(f"](pictures/{name})" in page or f"/{name})" in page for name in names)
    assert "Not run yet: `python -m train.reproduce --study early`" in page
    assert "| imdb/textcnn | the paper's | 200 | 99.00 ± 0.00 |" in page


def test_the_committed_page_is_that_of_the_committed_results():
    assert publication.PAGE.read_text() == publication.render(publication.load_results())
