"""Planning: an N that works, what another can do, and a command that says so."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxverify import UserError, stats
from jaxverify.cli import main
from jaxverify.record.plan import make_plan
from jaxverify.verification.families import worth


@given(
    num_original=st.integers(1, 10**6),
    num_classes=st.integers(2, 200),
    share=st.floats(0.06, 1),
    power=st.floats(0.5, 0.99),
)
@settings(max_examples=30)
def test_a_model_that_has_memorised_the_share_passes_with_at_least_the_power(
    num_original, num_classes, share, power
):
    plan = make_plan(num_original, num_classes, share=share, power=power)
    assert plan.power >= power
    assert plan.power == stats.power(share, plan.num_samples, num_classes)
    assert plan.size <= plan.alpha
    assert plan.eta == plan.num_samples / num_original
    assert not any("only" in sentence for sentence in plan.cautions)


def test_a_binary_task_needs_near_2700_samples():
    assert make_plan(25_000, 2).num_samples == pytest.approx(2_700, rel=0.01)


def test_a_given_eta_is_taken_as_the_decimal_and_told_what_it_can_do():
    plan = make_plan(25_000, 2, eta=0.008)
    assert plan.num_samples == 200
    assert plan.threshold_count == 119
    (caution,) = plan.cautions
    assert "N = 200" in caution
    assert "N = 2,691 would make it 90%" in caution


def test_the_curve_holds_the_share_that_was_asked_for_and_what_each_would_need():
    plan = make_plan(50_000, 10, share=0.12)
    points = {point.share: point for point in plan.curve}
    assert points[0.12].power == plan.power
    assert points[0.12].num_samples == plan.num_samples
    assert points[1.0].power == pytest.approx(1)
    assert [p.power for p in plan.curve] == sorted(p.power for p in plan.curve)
    near = make_plan(50_000, 10, epsilon=0.0999, share=0.3)
    assert near.curve[1].num_samples is None


def test_too_large_an_extra_task_is_cautioned():
    assert any("10.8% of the training set" in c for c in make_plan(25_000, 2).cautions)
    assert make_plan(50_000, 10).cautions == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_original": 0}, "training set has 0 samples"),
        ({"num_classes": 1}, "1"),
        ({"eta": 0.0}, "eta is 0.0"),
        ({"eta": float("nan")}, "eta is nan"),
        ({"eta": 0.00001}, "N is 1|num_samples is 1"),
        ({"share": 0.02}, "share is 0.02"),
        ({"share": 1.5}, "share is 1.5"),
        ({"alpha": 2.0}, "alpha is 2.0"),
        ({"power": 1.0}, "power is 1.0"),
    ],
)
def test_mistakes_are_told_with_their_values(arguments, message):
    with pytest.raises(UserError, match=message):
        make_plan(**{"num_original": 50_000, "num_classes": 2, **arguments})


def test_the_command_prints_a_page_and_draws(tmp_path, capsys):
    picture = tmp_path / "power.png"
    command = ["plan", "--samples", "50000", "--classes", "10", "--picture", str(picture)]
    assert main(command) == 0
    page = capsys.readouterr().out
    for text in ("454", "0.908%", "picture: "):
        assert text in page
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_prints_one_json_object(capsys):
    assert main(["plan", "--samples", "50000", "--classes", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("family") == "unknown"
    assert found.pop("worth") == worth("unknown").words
    assert found.pop("schema") == "jaxverify plan 1"
    assert {"date", "program"} < set(found)
    assert found | make_plan(50_000, 10).to_dict() == found
    assert found["curve"][0]["share"] == 0.05


def test_the_commands_mistakes_are_one_line_and_exit_2(capsys):
    assert main(["plan", "--samples", "100", "--classes", "10", "--eta", "0.01"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.strip().splitlines()) == 1
    with pytest.raises(SystemExit) as exit_:
        main(["plan", "--samples", "many", "--classes", "10"])
    assert exit_.value.code == 2
