"""Protecting: the same format out, every row once, and nothing that marks the extra ones."""

import os
import re
import stat
from collections import Counter
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from customer_files import encoded, image_tree, noise, read_table, reviews, write_table

from jaxverify import DataError, UserError
from jaxverify.cli import main
from jaxverify.protect import protect
from jaxverify.protect import survey as survey_module
from jaxverify.protect import tables as tables_module
from jaxverify.protect import upload as upload_module
from jaxverify.protect.fill import fill
from jaxverify.protect.opening import open_rows
from jaxverify.protect.survey import survey
from jaxverify.record.record import load
from jaxverify.task.options import PROTECTING
from tests.customer_files import split_options

SECRET = bytes(range(32))


def protected(tmp_path, data, **options):
    out, record = tmp_path / f"out{data.suffix}", tmp_path / "record.json"
    options = {"secret": SECRET, "eta": 0.2, **options}
    return protect(data, out, record, force=True, **split_options(**options)), out, load(record)


FORMATS = [".parquet", ".csv", ".tsv", ".jsonl"]


@pytest.fixture(scope="module", params=FORMATS)
def text(request, tmp_path_factory):
    """A data set of texts in each format, protected."""
    folder = tmp_path_factory.mktemp("text")
    data = write_table(folder / f"data{request.param}", reviews())
    done, out, record = protected(folder, data)
    return read_table(data), done, read_table(out), record


def split(original, mixed):
    """The rows that were there, and those that were not, by what nothing changes."""
    known = {row["text"] for row in original}
    return [r for r in mixed if r["text"] in known], [r for r in mixed if r["text"] not in known]


def test_every_original_row_is_there_once_but_for_its_number(text):
    original, _, mixed, _ = text
    kept, _ = split(original, mixed)
    strip = [
        sorted(str({k: v for k, v in row.items() if k != "number"}) for row in rows)
        for rows in (original, kept)
    ]
    assert strip[0] == strip[1]


def test_the_extra_rows_are_the_samples_of_the_record_with_their_labels(text):
    original, done, mixed, record = text
    _, extra = split(original, mixed)
    samples = record.samples()
    texts = record.rendering.render(samples.features)
    labels = [record.class_names[label] for label in samples.labels]
    assert Counter((row["text"], row["label"]) for row in extra) == Counter(
        zip(texts, labels, strict=True)
    )
    assert done.num_written == len(mixed) == len(original) + record.task.num_samples == 480
    assert done.record == record


def test_nothing_but_its_features_marks_an_extra_row(text):
    original, _, mixed, _ = text
    kept, extra = split(original, mixed)
    assert [row["number"] for row in mixed] == [str(i) for i in range(1, len(mixed) + 1)]
    assert len({row["user"] for row in mixed}) == len(mixed)
    assert all(len(row["user"]) == 10 and row["user"][:5] == "user-" for row in extra)
    assert all(row["sentiment"] == ("bad", "good")[int(row["label"])] for row in mixed)
    assert {row["stars"] for row in extra} <= {row["stars"] for row in kept}
    assert list(mixed[0]) == list(original[0])
    times = [datetime.fromisoformat(row["time"]) for row in extra]
    assert min(times).isoformat(" ") >= min(row["time"] for row in original)
    places = [i for i, row in enumerate(mixed) if row in extra]
    assert 100 < np.mean(places) < 380  # all over the file
    assert [r["text"] for r in kept] != [r["text"] for r in original]


def test_times_stay_on_the_grid_that_they_are_on(tmp_path):
    done, out, _ = protected(tmp_path, write_table(tmp_path / "data.parquet", reviews()))
    assert "time" in done.filled
    times = pq.read_table(out).column("time").to_pylist()
    assert {time.second for time in times} == {1_600_000_000 % 60}


def test_other_columns_do_not_tell_the_label_of_an_extra_row(tmp_path):
    columns = reviews(2000)
    columns["stars"] = 1 + 4 * columns["label"]  # 1 or 5: follows from the label
    columns["hint"] = [f"{label}{i % 3}" for i, label in enumerate(columns["label"])]  # tells it
    _, out, record = protected(tmp_path, write_table(tmp_path / "data.parquet", columns), eta=0.1)
    _, extra = split(read_table(tmp_path / "data.parquet"), read_table(out))
    assert all(row["stars"] == str(1 + 4 * int(row["label"])) for row in extra)
    agree = np.mean([row["hint"][0] == row["label"] for row in extra])
    assert abs(agree - 0.5) < 4 * 0.5 / np.sqrt(record.task.num_samples)


@pytest.mark.parametrize("labels", [("01", "02", "10", "11"), (" cat", "cat ", "dog", "Dog")])
def test_a_label_keeps_its_bytes_in_extra_rows(labels, tmp_path):
    columns = reviews(2000)
    columns["label"] = [labels[i % 4] for i in range(2000)]
    data = tmp_path / "data.csv"
    lines = zip(*columns.values(), strict=True)
    data.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in lines)]))
    _, out, record = protected(tmp_path, data, eta=0.1)
    assert Counter(row["label"] for row in read_table(out)).keys() == set(labels)
    assert sorted(record.class_names) == sorted(labels)


def test_parquet_keeps_schema_compression_row_groups_and_metadata(tmp_path):
    table = pa.table(reviews()).replace_schema_metadata({"huggingface": "{}", "pandas": "400 rows"})
    data = tmp_path / "data.parquet"
    pq.write_table(table, data, compression="zstd", row_group_size=64)
    _, out, _ = protected(tmp_path, data)
    with pq.ParquetFile(out) as file:
        assert file.schema_arrow.equals(pq.read_schema(data), check_metadata=False)
        assert file.schema_arrow.metadata == {b"huggingface": b"{}"}
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sizes == [64] * 7 + [32]


@pytest.mark.parametrize(
    ("names", "form"),
    [
        (lambda i: f"{i * 7919 % 2**32:08x}-ab", r"[0-9a-f]{8}-[0-9a-f]{2}"),
        (lambda i: f"IMG_{i:05d}.JPG", r"IMG_\d{5}\.JPG"),
        (lambda i: "".join(chr(97 + int(d)) for d in f"{i:06d}").upper(), r"[A-Z]{6}"),
    ],
    ids=["hashes", "numbered", "letters"],
)
def test_new_names_are_spelled_like_those_that_are_there(names, form, tmp_path):
    columns = {"text": reviews()["text"], "label": reviews()["label"]}
    columns["name"] = [names(i * 131 + 7) for i in range(400)]
    _, out, _ = protected(tmp_path, write_table(tmp_path / "data.parquet", columns))
    found = pq.read_table(out).column("name").to_pylist()
    assert len(set(found)) == len(found) == 480
    assert all(re.fullmatch(form, name) for name in found)


def test_an_image_tree_comes_back_as_one_with_every_file_byte_for_byte(tmp_path):
    data = image_tree(tmp_path / "photos")
    done, out, record = protected(tmp_path, data, eta=0.5)
    before = Counter((p.parent.name, p.read_bytes()) for p in data.rglob("*.png"))
    after = Counter((p.parent.name, p.read_bytes()) for p in out.rglob("*.png"))
    extra = after - before
    assert not before - after
    samples = record.samples()
    contents = record.rendering.render(samples.features)
    names = [record.class_names[label] for label in samples.labels]
    assert extra == Counter(zip(names, contents, strict=True))
    assert record.task.shape == (16, 16, 3)
    assert done.filled == ()
    # New names for all, of one length and one date.
    files = sorted(out.rglob("*.png"), key=lambda p: p.name)
    assert [p.name for p in files] == [f"{i:02d}.png" for i in range(90)]
    assert len({p.stat().st_mtime for p in files}) == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


def test_jpeg_in_jpeg_out_and_a_caution_where_little_is_left_of_the_noise(tmp_path):
    data = image_tree(tmp_path / "photos", form="JPEG", suffix=".jpg", side=48, quality=5)
    done, out, record = protected(tmp_path, data, eta=0.5)
    assert {p.suffix for p in out.rglob("*.*")} == {".jpg"}
    assert record.rendering.format == "JPEG"
    assert any("compressed so strongly" in caution for caution in done.cautions)
    good = tmp_path / "good"
    good.mkdir()
    data = image_tree(good / "photos", form="JPEG", suffix=".jpg", quality=95)
    done, _, _ = protected(good, data, eta=0.5)
    assert not any("compressed" in c for c in done.cautions)


def test_images_in_parquet_as_hugging_face_stores_them(tmp_path):
    structs = [{"bytes": encoded(noise(8, 8, seed=i)), "path": f"{i:03d}.png"} for i in range(60)]
    data = tmp_path / "data.parquet"
    pq.write_table(pa.table({"image": structs, "label": [i % 2 for i in range(60)]}), data)
    done, out, record = protected(tmp_path, data, eta=0.5)
    assert done.features == ("image.bytes",)
    rows = pq.read_table(out).to_pylist()
    contents = Counter(row["image"]["bytes"] for row in rows)
    assert contents == Counter(
        [s["bytes"] for s in structs] + record.rendering.render(record.samples().features)
    )
    assert len({row["image"]["path"] for row in rows}) == len(rows)
    assert all(len(row["image"]["path"]) == 7 for row in rows)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_numbers_keep_ranges_types_and_spelling(suffix, tmp_path):
    rng = np.random.default_rng(0)
    columns = {f"x{i}": np.round(rng.random(300) * 10, 2) for i in range(10)}
    columns |= {"age": rng.integers(18, 90, 300), "label": rng.choice(["no", "yes"], 300)}
    columns |= {"text": ["a"] * 300}
    data = write_table(tmp_path / f"data{suffix}", columns | {"time": ["t"] * 300})
    if suffix == ".csv":
        lines = data.read_text().splitlines()
        data.write_text("\n".join(lines) + "\n")
    done, out, record = protected(tmp_path, data, kind="vector", fixed_ratio=0.5)
    assert done.features == (*(f"x{i}" for i in range(10)), "age")
    rows = read_table(out)
    assert len(rows) == 360
    for i in range(10):
        values = [float(row[f"x{i}"]) for row in rows]
        assert columns[f"x{i}"].min() <= min(values) <= max(values) <= columns[f"x{i}"].max()
        assert all(value == round(value, 2) for value in values)
    assert all(18 <= int(row["age"]) < 90 for row in rows)
    assert {row["label"] for row in rows} == {"no", "yes"} == set(record.class_names)


def test_of_large_rows_fewer_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(survey_module, "_MOST_BYTES", 2**16)
    monkeypatch.setattr(tables_module, "_ROWS", 50)
    rows = open_rows(write_table(tmp_path / "data.jsonl", reviews(2000)))
    seen = survey_module.survey(rows, rows.tables(), None, np.random.default_rng(0))
    assert seen.num_rows == 2000
    assert 100 < seen.sample.num_rows < 300
    assert seen.raw.nbytes < 2**16 + 2**10
    places = np.array(seen.sample.column("number").to_pylist())
    assert abs(places.mean() - 1000) < 4 * 577 / np.sqrt(len(places))  # drawn from all over


def test_the_bytes_are_a_function_of_the_arguments_and_the_secret(tmp_path, monkeypatch):
    data = write_table(tmp_path / "data.csv", reviews())
    outs = []
    for i, memory in enumerate((2**27, 2000, 2**27)):
        monkeypatch.setattr(upload_module, "_BYTES_IN_MEMORY", memory)
        secret = SECRET if i < 2 else bytes(32)
        out = tmp_path / f"out{i}.csv"
        protect(
            data,
            out,
            tmp_path / f"record{i}.json",
            options=replace(PROTECTING, eta=0.2),
            secret=secret,
        )
        outs.append(out.read_bytes())
    assert outs[0] == outs[1] != outs[2]


def test_without_eta_a_converged_model_is_planned_for_but_no_more_than_4_percent(tmp_path):
    data = write_table(tmp_path / "data.parquet", reviews(1000))
    done, _, record = protected(tmp_path, data, eta=None)
    assert record.task.num_samples == 40
    assert any("With N = 40" in caution for caution in done.cautions)


@pytest.mark.parametrize("fails", ["writing", "interrupted"])
def test_a_failure_leaves_neither_upload_nor_record(fails, tmp_path, monkeypatch):
    data = write_table(tmp_path / "data.csv", reviews())
    error = OSError("disk full") if fails == "writing" else KeyboardInterrupt()

    def progress(done, total):
        raise error

    before = sorted(tmp_path.iterdir())
    with pytest.raises(type(error)):
        protected(tmp_path, data, progress=progress)
    assert sorted(tmp_path.iterdir()) == before


def test_neither_upload_nor_record_is_ever_replaced(tmp_path, capsys):
    data = write_table(tmp_path / "data.csv", reviews())
    for name in ("out.csv", "record.json"):
        path = tmp_path / name
        path.write_text("mine")
        command = ["protect", str(data), "--out", str(tmp_path / "out.csv")]
        assert main([*command, "--record", str(tmp_path / "record.json")]) == 2
        assert f"{name} exists already" in capsys.readouterr().err.replace("\n", "")
        assert path.read_text() == "mine"
        path.unlink()
        assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "stars2"}, "has no column 'stars2'"),
        ({"label": "text"}, "column text has 100 different values in 100 rows"),
        ({"features": ("nothing",)}, "no feature column 'nothing'"),
        ({"features": ("label",)}, "no feature column 'label'"),
        ({"features": ("text", "user")}, "one column of text is wanted"),
        ({"kind": "image"}, "one column of image is wanted, not 0"),
        ({"kind": "vector", "features": ("text",)}, "column text does not hold numbers"),
        ({"eta": 0.001}, "num_samples is 1|N is 1|1 extra"),
        ({"eta": -1.0}, "eta is -1.0"),
        ({"fixed_ratio": 1.0}, "fixed_ratio is 1.0"),
        ({"alpha": 0.0}, "alpha is 0.0"),
    ],
)
def test_mistakes_are_told_with_their_values(change, message, tmp_path, untyped_caller):
    data = write_table(tmp_path / "data.csv", reviews(100))
    with pytest.raises(UserError, match=message):
        protected(tmp_path, data, **change)
    assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", b"", "is damaged"),
        ("data.csv", b"text,label\n", "has no rows"),
        ("data.csv", b"text,label\na b c,1\n", "two classes"),
        ("data.csv", b"text,label\na b c,1\na b d,2\n", "2 different values in 2 rows"),
        ("data.csv", b"text,label,label\na b c,1,2\n", "a column twice"),
        ("data.csv", b"text,other\na b c,1\n", "which column of .* holds the labels"),
        ("data.parquet", b"PAR1", "is damaged"),
        ("data.jsonl", b'{"text": "a b c", "label": 1}\n{', "is not JSON"),
        ("data.jsonl", b"[1]\n", "is not an object"),
        ("data.jsonl", b'{"text": "a b c", "label": null}\n', "the label is missing"),
        (
            "data.jsonl",
            b'{"text": "a b", "label": "x"}\n{"text": "c", "label": " "}\n',
            "empty text",
        ),
        ("data.jsonl", b"\xff\n", "is damaged"),
        ("data.xlsx", b"", "of no known format"),
    ],
)
def test_files_that_cannot_be_read_are_named(name, content, message, tmp_path):
    data = tmp_path / name
    data.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        protected(tmp_path, data)
    assert str(data) in str(error.value)


def test_trees_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        protected(tmp_path, tmp_path / "nowhere")
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="holds 1 class folders"):
        protected(tmp_path, tree)
    (tree / "b").mkdir()
    (tree / "b" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"notes\.txt is no image file"):
        protected(tmp_path, tree)
    (tree / "b" / "notes.txt").rename(tree / "notes.txt")
    with pytest.raises(DataError, match="holds the file notes"):
        protected(tmp_path, tree)


def test_the_record_may_not_lie_in_the_upload(tmp_path):
    data = image_tree(tmp_path / "photos")
    out = tmp_path / "out"
    with pytest.raises(UserError, match="is no folder"):
        protect(data, out, out / "record.json", secret=SECRET)
    with pytest.raises(UserError, match="lies in the upload"):
        protect(data, out, out, secret=SECRET)
    with pytest.raises(UserError, match="lies in the data"):
        protect(data, data / "out", tmp_path / "record.json", secret=SECRET)


def test_the_command_says_what_it_did_and_shows_no_secret(tmp_path, capsys):
    data = write_table(tmp_path / "data.csv", reviews(1000))
    out, record = tmp_path / "out.csv", tmp_path / "record.json"
    command = ["protect", str(data), "--out", str(out), "--record", str(record), "--eta", "0.1"]
    assert main(command) == 0
    page = capsys.readouterr().out
    assert "1,000 rows read, 100 extra ones mixed in" in page
    assert "features: text (text, 60)" in page
    assert load(record).commitment() in page
    assert load(record).secret.hex() not in page
    assert oct(os.stat(record).st_mode)[-3:] == "600"


def test_a_label_too_rare_for_the_sample_keeps_the_value_that_follows_from_it(tmp_path):
    columns = reviews(2000)
    columns["label"][1500] = 2
    columns["sentiment"] = [("bad", "good", "odd")[label] for label in columns["label"]]
    rows = open_rows(write_table(tmp_path / "data.parquet", columns))
    rng = np.random.default_rng(0)
    seen = survey(rows, rows.tables(), "label", rng, size=50)
    assert 2 not in seen.sample.column("label").to_pylist()
    _, values = fill(seen, ["text"], np.arange(50), np.array([0, 1, 2, 2]), rng)
    assert values["sentiment"].to_pylist() == ["bad", "good", "odd", "odd"]
    assert values["label"].to_pylist() == [0, 1, 2, 2]
