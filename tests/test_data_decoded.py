"""Decoded images that are kept: equal bits, never stale, never damaged."""

import hashlib
import io
import os
import subprocess
import sys
import time

import image_folder
import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_folder import JPEG, LABELS, PICTURES, encoded, everything, kept_in, write
from PIL import ImageFile, features

from jaxverify.data import decoded, images, load, parquet
from jaxverify.data.decoded import decode_once
from jaxverify.errors import DataError
from train.config import Config
from train.training_set import make_training_set

# Fixtures are known by the names that they have here.
folder, home, decodings = image_folder.folder, image_folder.home, image_folder.decodings


# Kept, and used


def test_the_pixels_are_those_that_decode_returns_and_are_not_decoded_again(folder, decodings):
    expected = images.decode(JPEG, "here")
    first = load(data_dir=folder)
    assert decodings == ["train", "test"]
    second = load(data_dir=folder)
    assert decodings == ["train", "test"]
    for dataset in (first, second):
        for samples in (dataset.train, dataset.test):
            np.testing.assert_array_equal(samples.features, expected)
            assert samples.features.dtype == np.uint8
            np.testing.assert_array_equal(samples.labels, LABELS)
    assert first.fingerprint == second.fingerprint
    assert first.class_names == second.class_names
    assert sorted(kept_in(folder / ".decoded")) == ["test", "train"]


def test_what_is_kept_is_mapped_into_memory_and_a_change_of_it_changes_nothing_that_is_kept(folder):
    for _ in range(3):
        features = np.asarray(load(data_dir=folder).train.features)
        assert features[0].any()
        features[0] = 0
    assert isinstance(parquet.read(folder, "mine").train_features, np.memmap)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_grey_images_are_kept_too(folder, decodings, format):
    write(folder, [encoded(picture[..., 0], format) for picture in PICTURES])
    first, second = load(data_dir=folder), load(data_dir=folder)
    assert first.train.features.shape == (60, 6, 7, 1)
    assert first.fingerprint == second.fingerprint
    assert len(decodings) == 2


def test_small_files_are_decoded_each_time(folder, home, decodings, monkeypatch):
    monkeypatch.setattr(decoded, "SMALLEST", (folder / "train.parquet").stat().st_size + 1)
    before = everything(folder)
    for _ in range(2):
        load(data_dir=folder)
    assert len(decodings) == 4
    assert everything(folder) == before
    assert not home.exists()


def test_texts_are_not_kept_in(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for file in ("train", "test"):
        table = pa.table({"text": ["a good film"] * 60, "label": LABELS})
        pq.write_table(table, folder / f"{file}.parquet")
    before = everything(folder)
    load(data_dir=folder)
    assert everything(folder) == before


def test_training_sets_are_the_same_of_decoded_and_of_kept_images(folder):
    config = Config(
        "mine", "mlp", extra=True, data=folder, generator="uniform", eta=0.2, train_samples=40
    )
    first, second = make_training_set(config), make_training_set(config)
    assert first.fingerprint == second.fingerprint
    for ours, theirs in zip(
        (*first.train, *first.test), (*second.train, *second.test), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


# Never stale


def test_a_file_that_has_changed_is_decoded_anew_and_the_old_pixels_are_removed(folder, decodings):
    load(data_dir=folder)
    old = kept_in(folder / ".decoded")
    times = os.stat(folder / "train.parquet")
    write(folder, JPEG[::-1], ["train"])
    os.utime(folder / "train.parquet", ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = load(data_dir=folder)
    assert decodings == ["train", "test", "train"]
    np.testing.assert_array_equal(changed.train.features, images.decode(JPEG[::-1], "here"))
    new = kept_in(folder / ".decoded")
    assert new["train"] != old["train"]
    assert new["test"] == old["test"]


def test_labels_and_class_names_are_read_and_checked_each_time(folder):
    load(data_dir=folder)
    (folder / "labels.json").write_text('{"mine": ["ant", "bee", "cat"]}')
    assert load(data_dir=folder).class_names == ("ant", "bee", "cat")
    (folder / "labels.json").write_text('{"mine": ["ant", "bee"]}')
    with pytest.raises(DataError, match=r"train\.parquet, row 2: the label is 2, outside 0 \.\. 1"):
        load(data_dir=folder)


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (images, "_VERSION", 99),
        (PIL, "__version__", "99.0.0"),
        (ImageFile, "LOAD_TRUNCATED_IMAGES", True),
    ],
)
def test_another_version_of_any_of_these_gives_another_line(module, name, value, monkeypatch):
    before = images.decoder()
    monkeypatch.setattr(module, name, value)
    assert images.decoder() != before
    assert "\n" not in before


@pytest.mark.parametrize("codec", images._CODECS)
def test_another_version_of_a_codec_gives_another_line(codec, monkeypatch):
    monkeypatch.setattr(features, "version", lambda name: "1")
    before = images.decoder()
    monkeypatch.setattr(features, "version", lambda name: "2" if name == codec else "1")
    assert images.decoder() != before


def test_another_decoder_decodes_anew_and_the_old_pixels_are_removed(
    folder, decodings, monkeypatch
):
    load(data_dir=folder)
    old = kept_in(folder / ".decoded")
    monkeypatch.setattr(PIL, "__version__", "99.0.0")
    load(data_dir=folder)
    assert len(decodings) == 4
    assert not set(kept_in(folder / ".decoded").values()) & set(old.values())


def test_nothing_else_is_removed(folder, decodings):
    load(data_dir=folder)
    place = folder / ".decoded"
    digest = "0" * 64
    ours = [place / f"train-{digest}.npy", place / f".train-{digest}.npy.abc_12.partial"]
    others = [
        place / name
        for name in (
            f"training-{digest}.npy",
            f"my-train-{digest}.npy",
            f"train-{digest[:-1]}.npy",
            f"train-{digest}.npy.bak",
            f".train-{digest}.npy.abc_13.partial",  # of now: another process may be writing it
            "train.npy",
            "notes.txt",
        )
    ]
    for path in (*ours, *others):
        path.write_text("something")
    os.utime(ours[1], (0, time.time() - 25 * 60 * 60))
    (place / f"train-{'1' * 64}.npy").mkdir()
    before = everything(folder)
    write(folder, JPEG[::-1], ["train"])
    load(data_dir=folder)
    removed = before - everything(folder)
    assert removed >= set(ours)
    assert len(removed) == 3  # the two, and the old pixels
    assert len(decodings) == 3


# Never damaged


def damage(content: bytes) -> dict[str, bytes]:
    """Contents that are no longer what was written."""
    other = io.BytesIO()
    np.save(other, PICTURES[:-1])
    wrong_shape, same_shape = other.getvalue(), io.BytesIO()
    np.save(same_shape, PICTURES)
    floats = io.BytesIO()
    np.save(floats, PICTURES.astype(np.float64))
    fewer = wrong_shape + hashlib.sha256(b"").digest()
    return {
        "empty": b"",
        "short": b"\x93NUMPY",
        "cut": content[: len(content) // 2],
        "one byte less": content[:-1],
        "one byte more": content + b"\0",
        "no checksum": content[:-32],
        "fewer images": fewer,
        "other pixels": same_shape.getvalue() + content[-32:],
        "floats": floats.getvalue() + content[-32:],
        "no array": b"x" * len(content),
    }


@pytest.mark.parametrize("kind", damage(b""))
def test_kept_pixels_are_used_only_if_whole_and_otherwise_written_again(folder, decodings, kind):
    expected = load(data_dir=folder).fingerprint
    path = kept_in(folder / ".decoded")["train"]
    whole = path.read_bytes()
    path.write_bytes(damage(whole)[kind])
    assert load(data_dir=folder).fingerprint == expected
    assert decodings == ["train", "test", "train"]
    assert path.read_bytes() == whole
    load(data_dir=folder)
    assert len(decodings) == 3


def test_kept_pixels_are_used_only_if_each_byte_is_as_it_was_written(tmp_path):
    path = tmp_path / "train.parquet"
    path.write_bytes(b"content")
    pixels = PICTURES[:1, :2, :2].copy()

    def decode():
        calls.append(1)
        return pixels.copy()

    calls = []
    decode_once(path, b"content", decode)
    file = kept_in(tmp_path / ".decoded")["train"]
    whole = file.read_bytes()
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1 << position % 8
        file.write_bytes(content)
        calls = []
        np.testing.assert_array_equal(decode_once(path, b"content", decode), pixels)
        assert calls, f"byte {position} was not noticed"
        assert file.read_bytes() == whole


def test_what_is_kept_is_a_npy_file(folder):
    pixels = load(data_dir=folder).train.features
    np.testing.assert_array_equal(np.load(kept_in(folder / ".decoded")["train"]), pixels)


@pytest.mark.parametrize("row", [0, 41])
def test_of_a_damaged_image_the_row_is_named_and_nothing_is_kept_in(folder, home, row):
    contents = list(JPEG)
    contents[row] = contents[row][:40]
    write(folder, contents)
    before = everything(folder)
    for _ in range(2):
        with pytest.raises(DataError, match=rf"train\.parquet, row {row}: the image is damaged"):
            load(data_dir=folder)
    assert everything(folder) == before
    assert not home.exists()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_exception_while_writing_leaves_no_file(folder, home, monkeypatch, error):
    def save(file, array, allow_pickle):
        file.write(array.tobytes()[:99])
        raise error

    monkeypatch.setattr(np, "save", save)
    if isinstance(error, OSError):
        np.testing.assert_array_equal(
            load(data_dir=folder).train.features, images.decode(JPEG, "here")
        )
    else:
        with pytest.raises(KeyboardInterrupt):
            load(data_dir=folder)
    assert not kept_in(folder / ".decoded")
    assert not [path for path in home.rglob("*") if path.is_file()]


REPEATEDLY = """
import sys
from pathlib import Path
import numpy as np
from jaxverify.data import decoded
decoded.SMALLEST = 0
file = Path(sys.argv[1]) / "train.parquet"
for number in range(300):
    version = number % 3
    content, pixels = bytes([version]), np.full((20, 30, 30, 3), version, np.uint8)
    assert (decoded.decode_once(file, content, pixels.copy) == pixels).all()
"""


def test_processes_that_keep_the_same_images_at_once_do_no_harm(folder):
    command = [sys.executable, "-c", REPEATEDLY, str(folder)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert set(kept_in(folder / ".decoded")) == {"train"}
