"""Export: the file holds what mix returns, in constant memory, and appears whole or not at all."""

import io
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxverify import ExtraTask, Samples, UserError, generate, mix
from jaxverify.data import load
from jaxverify.data.parquet import iter_samples
from jaxverify.errors import DataError
from jaxverify.files import row_groups
from jaxverify.protect import export as exporting
from jaxverify.protect.export import export
from jaxverify.task.generation import generate_batches

ROOT = Path(__file__).parent.parent
KEY = jax.random.key(3)


def numbered(start: int, size: int, width: int = 3) -> Samples:
    numbers = np.arange(start, start + size, dtype=np.int32)
    return Samples(np.stack([numbers + i for i in range(width)], axis=1), numbers % 7)


def cut(samples: Samples, size: int):
    """The samples in batches of ``size``."""
    for start in range(0, len(samples.labels), size):
        yield Samples(*(array[start : start + size] for array in samples))


def joined(path: Path, size: int = 4096) -> Samples:
    return Samples(*map(np.concatenate, zip(*iter_samples(path, size), strict=True)))


@given(
    n=st.integers(1, 300),
    extra=st.integers(0, 60),
    sizes=st.tuples(*[st.integers(1, 400)] * 3),
    rows_in_memory=st.sampled_from([2, 5, 64, 10_000]),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_the_file_holds_what_mix_returns_whatever_the_batches_and_the_memory(
    tmp_path_factory, n, extra, sizes, rows_in_memory, seed
):
    path = tmp_path_factory.mktemp("out") / "train.parquet"
    dataset, secret, key = numbered(0, n), numbered(1000, extra), jax.random.key(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_BYTES_IN_MEMORY", rows_in_memory * 12)
        exported = export(key, cut(dataset, sizes[0]), cut(secret, sizes[1]), path)
    mixed = mix(key, dataset, secret)
    written = joined(path, sizes[2])
    np.testing.assert_array_equal(written.features, mixed.samples.features)
    np.testing.assert_array_equal(written.labels, mixed.samples.labels)
    np.testing.assert_array_equal(exported.extra_positions, mixed.extra_positions)
    assert exported.num_samples == n + extra
    assert written.features.dtype == np.int32
    assert os.listdir(path.parent) == ["train.parquet"]


def test_the_bytes_do_not_depend_on_the_size_of_batches(tmp_path):
    dataset, secret = numbered(0, 5000), numbered(9000, 100)
    for name, size in (("a", 5000), ("b", 17)):
        export(KEY, cut(dataset, size), cut(secret, size), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_place_is_as_likely_for_an_extra_sample_as_for_any(tmp_path):
    # Of 200 files, each of 9 original samples and one extra: chi-square with 9 degrees of
    # freedom, which exceeds 27.9 once in a thousand times; keys are fixed, so it does or does not.
    counts = np.zeros((2, 10))
    dataset, secret = numbered(0, 9), numbered(1000, 1)
    for seed in range(200):
        path = tmp_path / str(seed)
        position = export(jax.random.key(seed), [dataset], [secret], path).extra_positions[0]
        counts[0, position] += 1
        counts[1, np.flatnonzero(joined(path).features[:, 0] == 0)[0]] += 1  # the first original
    chi_square = ((counts - 20) ** 2 / 20).sum(axis=1)
    assert (chi_square < 27.9).all()


def test_nothing_but_the_content_of_the_rows_is_in_the_file(tmp_path):
    path = tmp_path / "train.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_BYTES_IN_MEMORY", 400 * 12)
        export(KEY, cut(numbered(0, 1000), 90), [numbered(5000, 10)], path)
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == ["features", "label"]
    assert file.schema_arrow.metadata is None
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    assert [group.num_rows for group in groups] == [100] * 10 + [10]
    forms = {
        (column.encodings, column.compression, column.physical_type)
        for group in groups
        for column in [group.column(0)]
    }
    assert len(forms) == 1
    assert "row" not in str(file.schema_arrow)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_survive_and_the_folder_is_read_like_any_other(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 9, 8, channels), np.uint8)
    dataset = Samples(pixels, np.arange(60) % 4)
    task = ExtraTask("image", pixels.shape[1:], num_classes=4, num_samples=20)
    extra_key = jax.random.key(8)
    for split in ("train", "test"):
        batches = generate_batches(extra_key, task, 7)
        exported = export(KEY, cut(dataset, 13), batches, tmp_path / f"{split}.parquet")
    train = load(data_dir=tmp_path).train
    expected = mix(KEY, dataset, generate(extra_key, task))
    np.testing.assert_array_equal(train.features, expected.samples.features)
    np.testing.assert_array_equal(train.labels, expected.samples.labels)
    np.testing.assert_array_equal(exported.extra_positions, expected.extra_positions)
    again = joined(tmp_path / "train.parquet", 11)
    np.testing.assert_array_equal(again.features, train.features)
    contents = pq.read_table(tmp_path / "train.parquet").column("image").to_pylist()
    assert {Image.open(io.BytesIO(content)).format for content in contents} == {"PNG"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_numbers_keep_their_type(tmp_path, dtype):
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(dtype)
    export(KEY, [Samples(features, np.arange(20))], [], tmp_path / "out")
    written = joined(tmp_path / "out")
    assert written.features.dtype == dtype
    np.testing.assert_array_equal(np.sort(written.features, axis=0), np.sort(features, axis=0))


def failing(after: int):
    yield from cut(numbered(0, after), 10)
    raise RuntimeError("the source broke")


def test_a_failure_in_the_middle_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="the source broke"):
        export(KEY, failing(50), [], tmp_path / "train.parquet")
    assert os.listdir(tmp_path) == []


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def broken(self, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_groups.RowGroups, "write", broken)
    with pytest.raises(OSError, match="No space"):
        export(KEY, [numbered(0, 9)], [], tmp_path / "train.parquet")
    assert os.listdir(tmp_path) == []


KILLED = """
import os, signal, jax, numpy as np
from pathlib import Path
from jaxverify import Samples
from jaxverify.protect.export import export

def batches():
    for _ in range(3):
        yield Samples(np.zeros((100, 3), np.int32), np.zeros(100, np.int32))
    os.kill(os.getpid(), signal.SIGKILL)

export(jax.random.key(0), batches(), [], Path("train.parquet"))
"""


def test_a_killed_process_leaves_nothing(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment)
    assert run.returncode == -9
    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_is_never_replaced(tmp_path, monkeypatch):
    path = tmp_path / "train.parquet"
    path.write_text("mine")
    with pytest.raises(UserError, match=r"train.parquet exists already: remove it"):
        export(KEY, [numbered(0, 9)], [], path)
    path.unlink()

    def meanwhile():
        yield numbered(0, 9)
        path.write_text("mine")

    for link in (os.link, no_link):
        monkeypatch.setattr(os, "link", link)
        path.unlink(missing_ok=True)
        with pytest.raises(UserError, match="exists already"):
            export(KEY, meanwhile(), [], path)
        assert path.read_text() == "mine"
        assert os.listdir(tmp_path) == ["train.parquet"]


def no_link(*args, **options):
    raise PermissionError(1, "Operation not permitted")


def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_link)
    export(KEY, [numbered(0, 9)], [], tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
    assert len(joined(tmp_path / "out").labels) == 9


@pytest.mark.usefixtures("untyped_caller")
@pytest.mark.parametrize(
    ("dataset", "extra", "message"),
    [
        ([], [numbered(0, 9)], "the data set has no batches"),
        ([numbered(0, 0)], [numbered(0, 9)], "all batches of the data set are empty"),
        ([Samples(np.zeros((3, 2)), np.zeros(4, int))], [], "3 samples and 4 labels"),
        ([numbered(0, 9)], [numbered(0, 9, width=4)], r"shape \(4,\) .* would stand out"),
        ([numbered(0, 9), numbered(0, 9, width=4)], [], r"shape \(4,\)"),
        ([Samples(np.zeros((3, 2, 2)), np.zeros(3, int))], [], "have no column"),
        ([Samples(np.zeros((3, 2, 2, 2), np.uint8), np.zeros(3, int))], [], "2 channels"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, dataset, extra, message):
    with pytest.raises(UserError, match=message):
        export(KEY, dataset, extra, tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="out cannot be written"):
        export(KEY, [numbered(0, 9)], [], tmp_path / "missing" / "out")


PEAK = """
import sys, jax, numpy as np
from pathlib import Path
from benchmarks.fresh_process import peak_bytes
from jaxverify import ExtraTask, Samples
from jaxverify.protect import export as exporting
from jaxverify.task.generation import generate_batches

def batches(n):
    for start in range(0, n, 1000):
        features = np.random.default_rng(start).random((1000, 256), np.float32)
        yield Samples(features, np.zeros(1000, np.int32))

n = int(sys.argv[1])
exporting._BYTES_IN_MEMORY = 2**20
task = ExtraTask("vector", (256,), num_classes=2, num_samples=n // 100)
extra = generate_batches(jax.random.key(0), task, 100)
exporting.export(jax.random.key(1), batches(n), extra, Path(sys.argv[2]))
print(peak_bytes() / 2**20)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data(tmp_path):
    def peak(n: int) -> float:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
        environment["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # both compile, or one takes less memory
        command = [sys.executable, "-c", PEAK, str(n), str(tmp_path / str(n))]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(run.stdout)

    # 10 MB of samples against 200 MB, which would be seen.
    assert peak(200_000) - peak(10_000) < 40


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a"], "label": [0]}, "it needs image or features"),
        ({"features": [[1.0, 2.0], [3.0]], "label": [0, 1]}, "store lists of fixed size"),
        ({"features": [[1.0]], "label": ["a"]}, "column label is string"),
    ],
)
def test_a_file_that_cannot_be_streamed_is_refused_in_one_line(tmp_path, columns, message):
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=message):
        list(iter_samples(path))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"train.parquet is damaged .*: fetch or write it again"):
        list(iter_samples(path))
    path.unlink()
    with pytest.raises(DataError, match=r"train.parquet is missing"):
        list(iter_samples(path))
