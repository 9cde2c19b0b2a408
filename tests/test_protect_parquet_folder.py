"""Parquet files that are one data set in parts: mixed over all, each with its share."""

import shutil
import stat
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from customer_files import reviews
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxverify import DataError, UserError
from jaxverify.protect import protect
from jaxverify.protect.opening import open_rows
from jaxverify.task.options import PROTECTING
from tests.customer_files import split_options

SECRET = bytes(range(32))


def shards(folder, sizes, name="train-{}.parquet", **options):
    folder.mkdir(exist_ok=True)
    table, start = pa.table(reviews(sum(sizes))), 0
    for i, size in enumerate(sizes):
        part = table.slice(start, size).replace_schema_metadata({"part": str(i)})
        pq.write_table(part, folder / name.format(i), **options)
        start += size
    return folder


def protected(tmp_path, data, **options):
    out, record = tmp_path / "out", tmp_path / "record.json"
    return protect(
        data, out, record, force=True, **split_options(**{"secret": SECRET, "eta": 0.2, **options})
    ), out


def test_rows_are_mixed_over_all_parts_and_each_keeps_its_share(tmp_path):
    data = shards(tmp_path / "data", [100, 250, 0, 50], compression="zstd", row_group_size=30)
    done, out = protected(tmp_path, data)
    assert sorted(p.name for p in out.iterdir()) == [f"train-{i}.parquet" for i in range(4)]
    parts = [pq.read_table(out / f"train-{i}.parquet") for i in range(4)]
    assert [part.num_rows for part in parts] == [120, 300, 0, 60]
    assert [part.schema.metadata for part in parts] == [{b"part": b"%d" % i} for i in range(4)]
    kept = Counter(pq.read_table(data).column("text").to_pylist())
    extra = [[t for t in part.column("text").to_pylist() if t not in kept] for part in parts]
    assert sum(map(len, extra)) == 80
    # A sixth of each; 4 standard deviations of what is drawn without replacement.
    assert abs(len(extra[1]) - 50) < 4 * np.sqrt(300 / 6 * 5 / 6 * 180 / 480)
    found = Counter(t for part in parts for t in part.column("text").to_pylist())
    assert kept <= found
    assert done.num_written == sum(found.values()) == 480
    # A number that counts through all parts still does.
    numbers = [n for part in parts for n in part.column("number").to_pylist()]
    assert numbers == list(range(1, 481))
    with pq.ParquetFile(out / "train-1.parquet") as file:
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
        assert file.metadata.row_group(0).num_rows == 30
    files = [out, *out.iterdir()]
    assert len({p.stat().st_mtime for p in files}) == 1
    assert [stat.S_IMODE(p.stat().st_mode) for p in files] == [0o755] + 4 * [0o644]


def test_the_rows_are_those_of_one_file_in_the_same_order(tmp_path):
    data = shards(tmp_path / "data", [100, 300])
    _, out = protected(tmp_path, data)
    pq.write_table(pq.read_table(data), tmp_path / "one.parquet")
    protect(
        tmp_path / "one.parquet",
        tmp_path / "one-out.parquet",
        tmp_path / "one.json",
        options=replace(PROTECTING, eta=0.2),
        force=True,
        secret=SECRET,
    )
    assert pq.read_table(out).equals(pq.read_table(tmp_path / "one-out.parquet"))


def test_what_is_not_trained_on_is_copied_byte_for_byte(tmp_path):
    data = shards(tmp_path / "data", [100, 100])
    shards(data, [30], "test.parquet")
    shards(data, [20], "validation-{}.parquet")
    shards(data, [10], "extra.parquet")
    (data / "README.md").write_text("what it is")
    (data / ".hidden").write_text("not for others")
    done, out = protected(tmp_path, data)
    assert done.num_original == 200
    others = ["README.md", "extra.parquet", "test.parquet", "validation-0.parquet"]
    assert {p.name for p in out.iterdir()} == {*others, "train-0.parquet", "train-1.parquet"}
    for name in others:
        assert (out / name).read_bytes() == (data / name).read_bytes()


def test_where_no_name_says_what_it_is_all_is_trained_on(tmp_path):
    data = shards(tmp_path / "data", [100, 100], "{}.parquet")
    done, _ = protected(tmp_path, data)
    assert done.num_original == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
    extra=st.integers(0, 20),
    cut=st.integers(1, 7),
)
def test_no_row_is_lost_however_parts_and_tables_are_cut(sizes, extra, cut, tmp_path):
    data, out = tmp_path / "data", tmp_path / "out"
    for folder in (data, out):
        shutil.rmtree(folder, ignore_errors=True)
    data.mkdir()
    for i, size in enumerate(sizes):
        pq.write_table(pa.table({"x": pa.array([0] * size, pa.int64())}), data / f"{i}.parquet")
    total = sum(sizes) + extra
    table = pa.table({"x": np.arange(total)})
    with open_rows(data).writer(out, total) as write:
        for start in range(0, total, cut):
            write(table.slice(start, cut))
    parts = [pq.read_table(out / f"{i}.parquet") for i in range(len(sizes))]
    assert pa.concat_tables(parts).column("x").to_pylist() == list(range(total))
    for size, part in zip(sizes, parts, strict=True):
        assert abs(part.num_rows - size * total / sum(sizes)) < 1


def test_folders_that_cannot_be_read_are_named(tmp_path):
    data = shards(tmp_path / "data", [20], "test-{}.parquet")
    with pytest.raises(DataError, match=r"holds no train\*\.parquet"):
        protected(tmp_path, data)
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), data / "train-0.parquet")
    pq.write_table(pa.table({"text": ["a"], "label": ["1"]}), data / "train-1.parquet")
    with pytest.raises(DataError, match=r"train-1.* label \(string\), .*train-0.* label \(int64\)"):
        protected(tmp_path, data)
    (data / "more").mkdir()
    with pytest.raises(DataError, match="holds more, which is no file"):
        protected(tmp_path, data)


def test_a_failure_leaves_nothing_and_a_folder_is_never_replaced(tmp_path):
    data = shards(tmp_path / "data", [100, 100])

    def progress(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        protected(tmp_path, data, progress=progress)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="exists already"):
        protected(tmp_path, data)
