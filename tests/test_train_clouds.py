"""The matrix of clouds: resumable, honest about its envelope, and read into a page."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from rich.console import Console

from jaxverify import UserError
from jaxverify.clouds import CHEATING, DETECTORS, HONEST, LAZY, Fitted, Returned, auc
from jaxverify.stats import own_accuracy_bound
from train.clouds import matrix, publication
from train.clouds.__main__ import main
from train.clouds.constructions import IMAGES, IN_COPIES, ladder, of_task, upload
from train.clouds.evidence import TESTS, examine
from train.clouds.setting import SETTINGS, make_case
from train.clouds.summary import judge, rungs, tried

TINY = replace(
    SETTINGS["digits"],
    train_samples=90,
    held_out=30,
    test_samples=40,
    num_extra=20,
    epochs=1,
    seeds=1,
)


SOME = {"full training", "stop at 10%", "older model", "look them up (identical block)"}


@pytest.fixture(scope="module")
def case():
    return make_case(TINY, 0, None)


def knows(samples, num_classes=10):
    """A cloud that answers these rightly and everything else with class 0."""
    table = {x.tobytes(): y for some in samples for x, y in zip(*some, strict=True)}

    def predict(features):
        return np.eye(num_classes, dtype=np.float32)[[table.get(x.tobytes(), 0) for x in features]]

    return Returned(predict, 1.0)


def test_what_the_customer_keeps_back_is_not_uploaded(case):
    parts = (case.train, case.held_out)
    assert [len(part.labels) for part in parts] == [90, 30]
    codes = [{x.tobytes() for x in part.features} for part in parts]
    assert not codes[0] & codes[1]
    again = make_case(TINY, 0, None)
    assert (again.train.features == case.train.features).all()
    assert (make_case(TINY, 1, None).train.features != case.train.features).any()


def test_who_knows_its_data_passes_and_who_knows_the_extra_samples_alone_does_not_fit(case):
    protection = of_task(labels="balanced")(jax.random.key(1), case)
    honest = own_accuracy_bound([(90, 90)] * 3)
    both = knows([case.train, protection.extra])
    found = examine(both, case, protection, honest, jax.random.key(2))
    assert all(found["passed"][test] for test in TESTS)
    assert found["train_accuracy"] == found["extra_accuracy"] == 1
    assert found["membership_auc"] > 0.9
    alone = examine(knows([protection.extra]), case, protection, honest, jax.random.key(3))
    assert alone["passed"]["twins"]
    assert not alone["passed"]["fits its data"]
    assert not alone["passed"]["twins and fits"]
    neither = examine(knows([]), case, protection, honest, jax.random.key(4))
    assert not any(neither["passed"].values())


def test_the_ladder_uploads_a_quarter_each_once_twice_four_and_eight_times(case):
    protection = ladder(jax.random.key(0), case)
    mixed = upload(jax.random.key(1), case, protection)
    assert len(mixed.samples.labels) == 90 + 5 * (1 + 2 + 4 + 8)
    codes = [x.tobytes() for x in mixed.samples.features]
    counts = [codes.count(x.tobytes()) for x in protection.extra.features]
    assert counts == protection.repeats.tolist()


@pytest.mark.parametrize("name", IN_COPIES)
def test_four_copies_resemble_each_other_and_are_found_by_it(name, case):
    protection = IMAGES[name](jax.random.key(0), case)
    assert (len(protection.extra.labels), len(protection.copies.labels)) == (10, 40)
    mixed = upload(jax.random.key(1), case, protection)
    assert len(mixed.samples.labels) == 90 + 40
    uploaded = {x.tobytes() for x in mixed.samples.features}
    in_upload = {x.tobytes() for x in protection.twins.features} & uploaded
    assert bool(in_upload) == name.startswith("own")  # then they are own images, too
    distinct = {x.tobytes() for x in protection.copies.features}
    assert len(distinct) == 40
    look = Fitted(case.module, {}, 0.0)  # which this detector has no use for
    scores = DETECTORS["near copies"](mixed.samples, look)
    assert auc(scores, mixed.extra_positions) > 0.85


def test_copies_are_looked_for_where_there_are_any():
    with_copies, without = map(matrix.names_of_clouds, ("noise in four copies", "ladder"))
    assert set(with_copies) - set(without) == {n for n in matrix.KINDS if "near copies" in n}
    assert len(with_copies) == len(matrix.KINDS)


def _cut_short_and_go_on(root):
    """Put the file back to where a kill after two clouds leaves it; the rest comes out again."""
    (path,) = root.rglob("*.json")
    whole = json.loads(path.read_text())
    first_two = dict(list(whole["clouds"].items())[:2])
    path.write_text(json.dumps(whole | {"clouds": first_two}))
    assert main(["--dataset", "digits", "--root", str(root)]) == 0
    again = json.loads(path.read_text())
    for clouds in (whole["clouds"], again["clouds"]):
        for found in clouds.values():
            del found["seconds"]
    assert len(whole["clouds"]) == 4
    assert again == whole


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole matrix of the smallest kind, and the command that goes on with it."""
    root = tmp_path_factory.mktemp("clouds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(matrix.SETTINGS, "digits", TINY)
        for name in set(IMAGES) - {"balanced labels"}:
            patch.delitem(IMAGES, name)
        for names in (HONEST, LAZY, CHEATING, matrix.KINDS):
            for name in set(names) - SOME:
                patch.delitem(names, name)
        assert main(["--dataset", "digits", "--root", str(root)]) == 0
        _cut_short_and_go_on(root)
        before = {path: path.read_bytes() for path in root.rglob("*.json")}
        patch.setattr(matrix, "_try", None)  # nothing is left to try
        assert main(["--dataset", "digits", "--root", str(root)]) == 0
        assert before == {path: path.read_bytes() for path in root.rglob("*.json")}
        patch.setitem(matrix.SETTINGS, "digits", replace(TINY, epochs=2))
        with pytest.raises(UserError, match="another setting"):
            matrix.work_off("digits", None, root, Console(quiet=True))
    return root


def test_every_cloud_is_tried_once_and_the_page_shows_it(finished, tmp_path, monkeypatch):
    (path,) = finished.rglob("*.json")
    cell = json.loads(path.read_text())
    assert list(cell["clouds"]) == [name for name in matrix.KINDS if name in SOME]
    assert cell["clouds"]["older model"]["cost"] == 0
    assert cell["clouds"]["full training"]["cost"] == pytest.approx(1, abs=0.2)
    assert set(cell["detectors"]) == set(DETECTORS)
    monkeypatch.setattr(matrix, "KINDS", {n: k for n, k in matrix.KINDS.items() if n in SOME})
    page = tmp_path / "clouds.md"
    page.write_text("by hand\n<!-- measured -->\nwhat stood there\n<!-- end -->\nalso by hand\n")
    for name, place in {"RESULTS": "results", "PAGE": "clouds.md", "PICTURES": "pictures"}.items():
        monkeypatch.setattr(publication, name, tmp_path / place)
    publication.publish(finished / "digits", "digits")
    publication.redraw()
    written = page.read_text()
    assert "what stood there" not in written
    assert written.startswith("by hand\n")
    assert written.endswith("also by hand\n")
    assert all(f"| {name} |" in written for name in SOME)
    assert (tmp_path / "pictures" / "digits.png").stat().st_size > 5_000


def test_counts_of_the_page():
    def found(cost, passed, quality=0.9, right=5):
        return {
            "kind": "",
            "cost": cost,
            "passed": dict.fromkeys(TESTS, passed),
            "test_accuracy": quality,
            "rungs": [{"repeats": 1, "num_samples": 20, "num_correct": right}],
        }

    cells = []
    for passed in (True, False):
        clouds = {
            "full training": found(1, True) | {"kind": "honest"},
            "mixup": {"kind": "honest", "impossible": "text"},
            "stop at 10%": found(0.1, passed, 0.45) | {"kind": "lazy"},
            "look them up": found(0.2, passed, right=20) | {"kind": "cheating"},
        }
        cells.append({"clouds": clouds})
    every = list(tried(cells))
    verdicts = judge(every, "twins")
    assert verdicts == ((2, 4), (0, 2), 0.2, 0.5)
    assert [len(one.findings) for one in every] == [2, 0, 2, 2]
    assert rungs(every[3], 10) == [(1, 1.0, 2)]
    assert rungs(every[2], 10)[0][2] == 0


def test_publishing_nothing_is_an_error(tmp_path, capsys):
    assert main(["--dataset", "digits", "--root", str(tmp_path), "--publish"]) == 2
    assert "run python -m train.clouds first" in capsys.readouterr().err
