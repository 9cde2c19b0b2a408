"""The record: kept safe, read with suspicion, and bound by its commitment."""

import contextlib
import json
import os
import stat
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jaxverify
from jaxverify import DataError, ExtraTask, UserError, generate, keys
from jaxverify.cli import main
from jaxverify.record import record as record_module
from jaxverify.record.record import is_private, load, new_record, save
from jaxverify.rendering import Column, ImageRendering, TextRendering, VectorRendering

TASKS = {
    "text": (
        ExtraTask("text", (64,), 2, 120, vocab_size=52, labels="balanced", generator="zipf"),
        TextRendering(tuple(f"word{i}" for i in range(50))),
    ),
    "image": (ExtraTask("image", (8, 8, 3), 2, 120), ImageRendering("PNG", "RGB")),
    "vector": (
        ExtraTask("vector", (12,), 2, 120),
        VectorRendering(tuple(Column(f"x{i}", "float64", 0.0, 1.0 + i) for i in range(12))),
    ),
}


def made(kind="text", **options):
    task, rendering = TASKS[kind]
    columns = tuple(f"x{i}" for i in range(12)) if kind == "vector" else (kind,)
    return new_record(task, rendering, columns, ("no", "yes"), **options)


@pytest.mark.parametrize("kind", TASKS)
def test_a_record_comes_back_as_it_was_saved(kind, tmp_path):
    record = made(kind)
    save(record, tmp_path / "record.json")
    again = load(tmp_path / "record.json")
    assert again == record
    assert again.commitment() == record.commitment()
    found = jaxverify.generate(again.key, again.task)
    np.testing.assert_array_equal(again.samples().features, found.features)


def test_two_records_have_two_secrets_and_two_commitments():
    a, b = made(secret=bytes(32)), made(secret=bytes(32))
    assert made().secret != made().secret
    assert a.salt != b.salt
    assert a.fingerprint == b.fingerprint
    assert a.commitment() != b.commitment()


def test_the_streams_of_a_record_are_those_of_its_secret():
    record = made(secret=bytes(range(32)))
    for name in ("mixing", "other columns"):
        expected = keys.from_secret(bytes(range(32)), name)
        assert (jax.random.key_data(record.stream(name)) == jax.random.key_data(expected)).all()


def test_the_file_is_of_mode_0600_and_never_replaces_another(tmp_path):
    path = tmp_path / "record.json"
    old = os.umask(0)
    try:
        save(made(), path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_private(path)
    content = path.read_bytes()
    with pytest.raises(UserError, match="is never replaced"):
        save(made(), path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]
    with pytest.raises(UserError, match="cannot be written"):
        save(made(), tmp_path / "nowhere" / "record.json")


def test_the_secret_shows_nowhere_but_in_the_file(tmp_path, capsys):
    record = made()
    path = tmp_path / "record.json"
    save(record, path)
    shown = repr(record) + str(record) + json.dumps(record.without_secrets())
    for command in (["show", str(path)], ["show", str(path), "--json"], ["commit", str(path)]):
        assert main(command) == 0
    captured = capsys.readouterr()
    shown += captured.out + captured.err
    for secret in (record.secret, record.salt):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_samples_that_this_jax_does_not_draw_are_refused(tmp_path):
    path = tmp_path / "record.json"
    save(made(), path)
    value = json.loads(path.read_text())
    value["fingerprint"] = "0" * 64
    value["versions"] = {"jax": "0.1.2"}
    del value["commitment"]
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"not those that were uploaded.*jax 0\.1\.2"):
        load(path).samples()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a record of jaxverify"),
        ({"version": 2}, "version 2"),
        ({"secret": "ab"}, "secret is damaged"),
        ({"secret": "zz" * 32}, "secret is damaged"),
        ({"salt": None}, "salt is damaged"),
        ({"alpha": "0.01"}, "alpha is damaged"),
        ({"alpha": 0}, "alpha is 0"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"class_names": ["no"]}, "2 different class names are wanted, not 1"),
        ({"class_names": ["no", "no"]}, "different class names"),
        ({"class_names": [1, 2]}, "class_names is damaged"),
        ({"rendering": {"kind": "sound"}}, "rendering is damaged"),
        ({"rendering": {"kind": "text", "vocabulary": ["a"]}}, "does not fit"),
        ({"rendering": {"kind": "image", "format": "PNG", "mode": "L"}}, "rendering is damaged"),
        ({"columns": []}, "0 columns do not fit"),
        ({"columns": "text"}, "4 columns do not fit"),
        ({"extra": 1}, "unknown field 'extra'"),
        ({"created": 5}, "created is damaged"),
    ],
)
def test_a_damaged_record_is_refused_by_the_name_of_the_field(change, message, tmp_path):
    path = tmp_path / "record.json"
    record = made()
    path.write_text(json.dumps(record.to_json() | change))
    with pytest.raises(DataError, match=message) as error:
        load(path)
    assert record.secret.hex() not in str(error.value)


def test_a_record_that_was_changed_after_it_was_saved_is_an_error_whichever_field_it_is(tmp_path):
    path = tmp_path / "record.json"
    record = made()
    save(record, path)
    saved = json.loads(path.read_text())
    others = {"alpha": 0.2, "epsilon": 0.0, "created": "1999", "finished_share": 0.1}
    others |= {"class_names": saved["class_names"][::-1], "salt": "00" * 32, "family": "trees"}
    others |= {"task": {**saved["task"], "fixed_ratio": 0.5}, "doses": [1, 4]}
    for name, value in others.items():
        path.write_text(json.dumps(saved | {name: value}))
        with pytest.raises(DataError, match="not a sound record") as error:
            load(path)
        assert record.secret.hex() not in str(error.value)
    path.write_text(json.dumps(saved))
    assert load(path) == record


def test_no_flipped_bit_of_a_record_is_read(tmp_path):
    path = tmp_path / "record.json"
    record = made()
    save(record, path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(8 * len(content), 300, replace=False):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with contextlib.suppress(DataError):
            assert load(path) == record  # as where a blank becomes another blank


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_what_is_no_record_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a record") as error:
        load(path)
    assert "\n" not in str(error.value)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-3, 3), max_size=3),
)


@cache
def base(kind):
    return made(kind).to_json()


@given(kind=st.sampled_from(sorted(TASKS)), data=st.data(), value=VALUES)
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_value_in_any_place_leads_to_a_traceback_or_shows_a_secret(kind, data, value, tmp_path):
    record = json.loads(json.dumps(base(kind)))
    place = record
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))
        inner = place[name]
        if not (isinstance(inner, dict | list) and inner and data.draw(st.booleans())):
            break
        place = inner
    place[name] = value
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record))
    message = ""
    try:
        load(path).commitment()
    except UserError as error:
        message = str(error)
    assert base(kind)["secret"] not in message


def test_audit_tells_the_record_committed_to_from_others(tmp_path, capsys):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        save(made(secret=bytes(32)), path)
    assert main(["commit", str(paths[0])]) == 0
    commitment = capsys.readouterr().out.strip()
    assert main(["audit", str(paths[0]), "--commitment", commitment.upper()]) == 0
    assert main(["audit", str(paths[1]), "--commitment", commitment]) == 1
    assert main(["audit", str(paths[0]), "--commitment", "12"]) == 2
    assert main(["audit", str(tmp_path / "none"), "--commitment", commitment]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_show_warns_where_others_can_read_the_record(tmp_path, capsys):
    path = tmp_path / "record.json"
    save(made(), path)
    assert main(["show", str(path)]) == 0
    assert "others can read" not in capsys.readouterr().out
    path.chmod(0o644)
    assert main(["show", str(path)]) == 0
    assert "others can read" in capsys.readouterr().out


def test_the_samples_are_drawn_once_for_all_that_a_command_does(tmp_path, monkeypatch):
    drawn = []

    def draw(key, task):
        drawn.append(task)
        return generate(key, task)

    monkeypatch.setattr(record_module, "_draw", draw)
    record_module._generate.cache_clear()
    monkeypatch.chdir(tmp_path)
    columns = {f"x{i}": np.random.default_rng(i).random(3000) for i in range(12)}
    pq.write_table(pa.table({**columns, "label": np.arange(3000) % 4}), "data.parquet")
    assert main(["protect", "data.parquet", "--out", "up.parquet", "--record", "r.json"]) == 0
    assert len(drawn) == 1
    record_module._generate.cache_clear()
    assert main(["challenge", "r.json", "--out", "q.parquet"]) == 0
    assert len(drawn) == 2
    answers = dict.fromkeys(pq.read_table("q.parquet").column("id").to_pylist(), 0)
    Path("answers.json").write_text(json.dumps(answers))
    record_module._generate.cache_clear()
    assert main(["verify", "r.json", "--predictions", "answers.json", "--answers", "names"]) == 1
    assert len(drawn) == 3
