"""Damaged and hostile files, 1,004 of them: never a traceback, a wrong PASS or a secret."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from customer_files import encoded, noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxverify import ExtraTask
from jaxverify.challenge import sample_ids
from jaxverify.cli import main
from jaxverify.record.record import new_record, save
from jaxverify.rendering import TextRendering

pytestmark = pytest.mark.slow

NAMES = ("no", "yes", "maybe", "never")
EDIT = st.tuples(
    st.sampled_from(["replace", "insert", "delete", "repeat"]),
    st.floats(0, 1),
    st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b'"', b"{", b",", b"\n", b"-1"])),
)
EDITS = st.lists(EDIT, min_size=1, max_size=4)


def many(cases):
    return settings(
        max_examples=cases, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )


def edited(content, edits):
    for what, place, new in edits:
        at = round(place * len(content))
        after = at + (len(new) if what == "replace" else 3 if what == "delete" else 0)
        if what == "repeat":
            new = content[at : at + 200]
        content = content[:at] + (b"" if what == "delete" else new) + content[after:]
    return content


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A record, its secrets, and the answers of a model that knows nothing."""
    folder = tmp_path_factory.mktemp("sound")
    task = ExtraTask(
        *("text", (80,), 4, 80),
        vocab_size=52,
        labels="balanced",
        generator="zipf",
        placement="secret",
        num_fixed=3,
    )
    words = tuple(f"w{i}" for i in range(50))
    record = new_record(task, TextRendering(words), ("text",), NAMES)
    save(record, folder / "record.json")
    ids = sample_ids(record)
    rows = [{"id": name, "label": "never"} for name in ids]
    (folder / "a.json").write_text(json.dumps(dict.fromkeys(ids, "never")))
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "a.csv").write_text("id,label\n" + "".join(f"{name},never\n" for name in ids))
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return folder, (record.secret.hex(), record.salt.hex())


def run(*command) -> tuple[int, str]:
    """The exit status and all that was said; a traceback of ours fails the test by itself."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(part) for part in command])
    return status, out.getvalue() + err.getvalue()


@given(edits=EDITS, command=st.sampled_from(["show", "commit", "verify"]))
@many(310)
def test_a_damaged_record_is_an_error_and_shows_no_secret(sound, edits, command):
    folder, secrets = sound
    path = folder / "damaged.json"
    path.write_bytes(edited((folder / "record.json").read_bytes(), edits))
    Path(f"{path}.ledger").unlink(missing_ok=True)
    options = ("--predictions", folder / "a.csv") if command == "verify" else ()
    status, said = run(command, path, *options)
    assert status in ((1, 2) if command == "verify" else (0, 2))
    if status == 2:
        assert said.startswith("error: ")
    assert not any(secret in said for secret in secrets)


def replaced(value, path, new):
    """A copy with another value at a path of keys."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


PATHS = [
    *(["task", name] for name in ("kind", "shape", "num_classes", "num_samples", "fixed_ratio")),
    *(["task", name] for name in ("labels", "generator", "vocab_size")),
    *(["task", "placement"], ["task", "num_fixed"]),
    *(["rendering"], ["rendering", "kind"], ["rendering", "vocabulary"], ["columns"], ["version"]),
    *(["class_names"], ["alpha"], ["epsilon"], ["fingerprint"], ["created"], ["versions"]),
    *(["secret"], ["salt"], ["format"], ["task"], ["task", "shape", 0], ["class_names", 0]),
]
PLAIN = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        st.sampled_from([0, -1, 2**40, 1e308, 1e-300, "text", "image", "00", [], {}]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(path=st.sampled_from(PATHS), new=PLAIN, command=st.sampled_from(["show", "verify"]))
@many(260)
def test_a_record_with_other_values_is_an_error_and_shows_no_secret(sound, path, new, command):
    folder, secrets = sound
    whole = json.loads((folder / "record.json").read_text())
    damaged = folder / "changed.json"
    damaged.write_text(json.dumps(replaced(whole, path, new)))
    Path(f"{damaged}.ledger").unlink(missing_ok=True)
    options = ("--predictions", folder / "a.csv") if command == "verify" else ()
    status, said = run(command, damaged, *options)
    assert status in ((1, 2) if command == "verify" else (0, 2))
    assert not any(secret in said for secret in secrets)


@pytest.mark.slow
@given(edits=EDITS, name=st.sampled_from(["a.json", "a.jsonl", "a.csv", "a.parquet"]))
@many(310)
def test_damaged_answers_lead_to_no_pass(sound, edits, name):
    folder, secrets = sound
    path = folder / f"damaged-{name}"
    path.write_bytes(edited((folder / name).read_bytes(), edits))
    Path(folder / "record.json.ledger").unlink(missing_ok=True)
    status, said = run("verify", folder / "record.json", "--predictions", path)
    assert status in (1, 2)
    assert not any(secret in said for secret in secrets)


def protect_into(folder, data):
    """Protect a file that may be anything; what is not an error must be whole."""
    out, record = folder / f"out{data.suffix}", folder / "out.json"
    out.unlink(missing_ok=True)
    record.unlink(missing_ok=True)
    status, said = run("protect", data, "--out", out, "--record", record, "--eta", "0.5")
    assert status in (0, 2)
    assert out.exists() == record.exists() == (status == 0)
    if status == 2:
        assert "error: " in said
    else:
        secret = json.loads(record.read_text())["secret"].encode()
        assert secret not in out.read_bytes()
        assert secret.decode() not in said


@given(edits=EDITS, suffix=st.sampled_from([".csv", ".jsonl", ".parquet"]))
@many(62)
def test_a_damaged_table_is_protected_whole_or_not_at_all(tmp_path_factory, edits, suffix):
    folder = tmp_path_factory.getbasetemp() / "tables"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    rows = [
        {**{f"x{i}": float(v) for i, v in enumerate(row.round(3))}, "label": int(row[0] > 0)}
        for row in rng.normal(size=(60, 24))
    ]
    data = folder / f"data{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), data)
    elif suffix == ".csv":
        lines = [",".join(map(str, row.values())) for row in rows]
        data.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")
    else:
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data.write_bytes(edited(data.read_bytes(), edits))
    protect_into(folder, data)


@pytest.mark.slow
@given(edits=EDITS, form=st.sampled_from(["PNG", "JPEG", "BMP", "GIF"]), number=st.integers(0, 39))
@many(62)
def test_a_damaged_image_is_an_error_or_an_image(tmp_path_factory, edits, form, number):
    folder = tmp_path_factory.getbasetemp() / "images"
    folder.mkdir(exist_ok=True)
    images = [encoded(noise(8, 8, 3, seed=i), form) for i in range(40)]
    images[number] = edited(images[number], edits)
    data = folder / "images.parquet"
    pq.write_table(pa.table({"image": images, "label": [i % 2 for i in range(40)]}), data)
    protect_into(folder, data)
