"""NumPy's .npz files: protected in their own form, asked in it, and never unpickled."""

import pickle
import stat
import zipfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from customer_files import noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxverify import DataError, UserError
from jaxverify.cli import main
from jaxverify.files.npz import iter_rows, members, npz_writer
from jaxverify.protect import npz as npz_module
from jaxverify.protect import protect
from jaxverify.protect.opening import open_rows
from jaxverify.protect.survey import survey
from jaxverify.record.record import load
from jaxverify.task.options import PROTECTING
from tests.customer_files import split_options

SECRET = bytes(range(32))


def protected(folder, arrays, save=np.savez, **options):
    data, out, record = folder / "data.npz", folder / "out.npz", folder / "record.json"
    save(data, **arrays)
    done = protect(
        data,
        out,
        record,
        **split_options(**{"secret": SECRET, "eta": 0.2, "force": True, **options}),
    )
    with np.load(out) as found:
        return done, dict(found), load(record)


def numbers(n=200, d=12, dtype=np.float32):
    x = (100 * np.random.default_rng(0).random((n, d))).astype(dtype)
    return {"x": x, "y": np.arange(n) % 3, "when": (60 * np.arange(n) ** 2).astype("M8[s]")}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ">f4", "uint8", ">i2"])
def test_vectors_keep_every_row_its_labels_types_names_order_and_compression(dtype, save, tmp_path):
    before = numbers(dtype=dtype)
    done, after, record = protected(tmp_path, before, save)
    assert list(after) == list(before)
    for name, array in before.items():
        assert after[name].dtype == array.dtype
        assert after[name].shape == (240, *array.shape[1:])
    rows = [Counter(zip(map(bytes, a["x"]), a["y"], strict=True)) for a in (before, after)]
    assert not rows[0] - rows[1]
    extra = record.rendering.render(record.samples().features)
    table = np.stack(list(extra.values()), 1).astype(dtype)
    labels = [int(record.class_names[label]) for label in record.samples().labels]
    assert rows[1] - rows[0] == Counter(zip(map(bytes, table), labels, strict=True))
    assert done.features == tuple(f"x[{i}]" for i in range(12))
    assert done.filled == ("when",)
    assert len(set(after["when"])) > 230
    infos = [zipfile.ZipFile(tmp_path / f"{name}.npz").infolist() for name in ("data", "out")]
    described = [[(i.filename, i.compress_type, i.date_time) for i in info] for info in infos]
    assert described[0] == described[1]
    assert stat.S_IMODE((tmp_path / "out.npz").stat().st_mode) == 0o644


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 1), (9, 7, 3)])
def test_images_come_back_as_pixels_and_are_asked_as_pixels(shape, tmp_path):
    before = {"images": noise(90, *shape), "labels": np.array(["cat", "dog"] * 45)}
    _, after, record = protected(tmp_path, before)
    assert record.task.shape == (*shape, 1)[:3]
    assert after["labels"].dtype == before["labels"].dtype
    rows = [
        Counter(zip(map(bytes, a["images"]), a["labels"], strict=True)) for a in (before, after)
    ]
    samples = record.samples()
    names = [record.class_names[label] for label in samples.labels]
    assert rows[1] - rows[0] == Counter(zip(map(bytes, samples.features), names, strict=True))
    assert not rows[0] - rows[1]
    questions = tmp_path / "questions.npz"
    assert main(["challenge", str(tmp_path / "record.json"), "--out", str(questions)]) == 0
    with np.load(questions) as asked:
        assert asked["features"].shape == (18, *record.task.shape)
        assert set(map(bytes, asked["features"])) == set(map(bytes, samples.features))
        assert asked["id"].dtype == np.dtype("U16")
    for name in ("questions.parquet", "questions"):
        command = ["challenge", str(tmp_path / "record.json"), "--out", str(tmp_path / name)]
        assert main(command) == 0


def test_questions_of_numbers_are_an_array_of_their_type(tmp_path):
    _, _, record = protected(tmp_path, numbers())
    questions = tmp_path / "questions.npz"
    command = ["challenge", str(tmp_path / "record.json"), "--out", str(questions)]
    assert main(command) == 0
    with np.load(questions) as asked:
        assert asked["features"].dtype == np.float32
        extra = record.rendering.render(record.samples().features)
        table = np.stack(list(extra.values()), 1)
        assert Counter(map(bytes, asked["features"])) == Counter(map(bytes, table))
        assert list(asked["id"]) == sorted(asked["id"])
    content = questions.read_bytes()
    assert main(command) == 2
    assert questions.read_bytes() == content


def test_other_arrays_are_columns_and_never_features(tmp_path):
    before = numbers() | {
        "number": np.arange(1, 201),
        "comment": np.array([f"this is comment {i:04d}" for i in range(200)]),
        "age": np.random.default_rng(1).integers(18, 90, 200).astype(np.int16),
        "is_new": np.random.default_rng(2).random(200) < 0.5,
    }
    done, after, record = protected(tmp_path, before)
    assert record.task.kind == "vector"
    assert record.task.shape == (12,)
    assert np.array_equal(after["number"], np.arange(1, 241))
    assert len(set(after["comment"])) == 240
    assert after["comment"].dtype == before["comment"].dtype
    assert after["is_new"].dtype == bool
    assert set(done.filled) == {"when", "comment", "age", "is_new"}


def test_a_file_is_read_in_pieces_and_their_size_changes_nothing(tmp_path, monkeypatch):
    outs = []
    for i, size in enumerate((2**20, 2**9)):
        monkeypatch.setattr(npz_module, "_BYTES", size)
        folder = tmp_path / str(i)
        folder.mkdir()
        protected(folder, numbers())
        outs.append((folder / "out.npz").read_bytes())
    assert outs[0] == outs[1]
    tables = list(npz_module.NpzRows(tmp_path / "0" / "data.npz").tables())
    assert [table.num_rows for table in tables] == [10] * 20


TYPES = st.sampled_from(["f4", ">i8", "u1", "?", "U3", "c16", "M8[h]"])
TAILS = st.lists(st.integers(1, 4), max_size=2).map(tuple)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.data(), st.integers(1, 6), st.integers(1, 4))
def test_the_bytes_are_those_that_numpy_writes(tmp_path, data, rows, piece):
    forms = data.draw(st.lists(st.tuples(TYPES, TAILS), min_size=1, max_size=3))
    arrays = [data.draw(hnp.arrays(dtype, (rows, *tail))) for dtype, tail in forms]
    named = {f"a{i}": array for i, array in enumerate(arrays)}
    for save in (np.savez, np.savez_compressed):
        path, copy = tmp_path / "a.npz", tmp_path / "copy.npz"
        save(path, **named)
        found = members(path)
        assert [member.name for member in found] == list(named)
        with copy.open("wb") as file, npz_writer(file, found, tmp_path) as write:
            for pieces in zip(*(iter_rows(path, m, piece) for m in found), strict=True):
                write(pieces)
        assert copy.read_bytes() == path.read_bytes()


class Trap:
    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.array([Trap()] * 200)}, "array x holds Python objects"),
        ({"when": np.array([Trap()] * 200)}, "array when holds Python objects"),
        ({"x": np.zeros(200)}, r"arrays x \[200\], y \[200\], when \[200\]: one, the features"),
        ({"y": np.zeros((200, 3))}, r"x \[200, 12\], y \[200, 3\]"),
        ({"y": np.arange(199)}, "array y has 199 rows, x 200"),
        ({"mean": np.array(3.0)}, "array mean is a single value"),
        ({"when": np.zeros(200, "c8")}, "array when is of type complex64"),
        ({"when": np.zeros(200, "M8[h]")}, r"array when is of type datetime64\[h\]"),
        ({"x": np.zeros((200, 5, 5), np.float32)}, r"x is float32 of shape \[200, 5, 5\]"),
        ({"x": np.zeros((200, 5, 5, 4), np.uint8)}, r"x is uint8 of shape \[200, 5, 5, 4\]"),
        ({"x": np.zeros((200, 0))}, r"shape \[200, 0\]"),
        ({"x": np.zeros((12, 200)).T}, "array x is stored column by column"),
        ({"y": np.zeros(200)}, "all labels are 0"),
        ({"x": noise(200, 784)}, r"x\[0\], x\[1\], x\[2\], \.\.\., which: name it"),
    ],
)
def test_arrays_that_are_not_wanted_are_named(change, message, tmp_path, capsys):
    arrays = numbers() | change
    if "which" in message:
        arrays["which"] = arrays.pop("y")
        arrays.pop("when")
    with pytest.raises(DataError, match=message) as error:
        protected(tmp_path, arrays)
    assert str(tmp_path / "data.npz") in str(error.value)
    assert "unpickled" not in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_damaged_files_and_others_in_a_zip_are_named(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, **numbers())
    content = path.read_bytes()
    for damaged in (b"PK", content[:-100], content.replace(b"NUMPY", b"NOMPY", 1)):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"data\.npz is damaged"):
            members(path)
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 1  # a value of x, which the checksum finds
    path.write_bytes(flipped)
    with pytest.raises(DataError, match="is damaged"):
        protect(
            path,
            tmp_path / "out.npz",
            tmp_path / "record.json",
            options=replace(PROTECTING, eta=0.2),
            force=True,
            secret=SECRET,
        )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.pkl", pickle.dumps(Trap()))
    with pytest.raises(DataError, match=r"holds notes\.pkl, which is no array"):
        members(path)


def test_text_too_narrow_for_its_new_numbers_is_an_error_that_says_so(tmp_path):
    arrays = numbers(99) | {"number": np.arange(1, 100).astype(str).astype("U2")}
    with pytest.raises(UserError, match="array number is text of width 2"):
        protected(tmp_path, arrays)
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)])
def test_real_images_of_an_array_are_asked_as_pixels_among_the_others(shape, tmp_path):
    images = noise(90, *shape)
    _, _, record = protected(tmp_path, {"x": images, "label": np.arange(90) % 3}, eta=0.3)
    command = ["challenge", str(tmp_path / "record.json"), "--out", str(tmp_path / "q.npz")]
    assert main([*command, "--decoys", str(tmp_path / "data.npz")]) == 0
    with np.load(tmp_path / "q.npz") as asked:
        found = Counter(map(bytes, asked["features"]))
    extra = Counter(map(bytes, np.asarray(record.samples().features)))
    decoys = found - extra
    assert decoys.total() == extra.total() == 27
    assert set(decoys) <= set(map(bytes, images))


def test_an_example_of_a_label_keeps_no_image_in_memory(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x=noise(40, 8, 8), label=np.arange(40) % 2, hint=np.arange(40) % 2)
    rows = open_rows(path)
    seen = survey(rows, rows.tables(), "label", np.random.default_rng(0))
    assert {label: sorted(row) for label, row in seen.examples.items()} == {
        0: ["hint", "label"],
        1: ["hint", "label"],
    }
