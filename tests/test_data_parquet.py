"""A folder of Parquet files: what is read, and one clear line for whatever is wrong with it."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxverify.data import load
from jaxverify.data.images import decode
from jaxverify.errors import DataError, UserError


def encoded(pixels: np.ndarray, format: str = "PNG", mode: str | None = None) -> bytes:
    image = Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.convert(mode or image.mode).save(buffer, format)
    return buffer.getvalue()


def noise(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


PICTURES = noise(4, 5, 6, 3)
GOOD = {"image": [encoded(picture) for picture in PICTURES], "label": [0, 1, 1, 0]}
GOOD_TEXT = {"text": ["a good film", "bad", "bad bad film", "good"], "label": [1, 0, 0, 1]}


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "mine"
    path.mkdir()
    return path


def write(folder: Path, train, test=None) -> Path:
    for split, columns in (("train", train), ("test", train if test is None else test)):
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, folder / f"{split}.parquet")
    return folder


def complaint(folder: Path, **options) -> str:
    """The one line with which loading fails."""
    with pytest.raises(DataError) as failure:
        load(data_dir=folder, **options)
    message = str(failure.value)
    assert "\n" not in message
    assert ": " in message  # what is wrong: what to do
    return message


def test_images_and_labels_are_read_in_order(folder):
    dataset = load(data_dir=write(folder, GOOD))
    np.testing.assert_array_equal(dataset.train.features, PICTURES)
    np.testing.assert_array_equal(dataset.test.labels, GOOD["label"])
    assert dataset.train.features.dtype == np.uint8
    assert dataset.train.labels.dtype == np.int32
    assert (dataset.name, dataset.kind, dataset.class_names) == ("mine", "image", ("0", "1"))


def test_images_are_read_as_hugging_face_stores_them(folder):
    structs = [{"bytes": image, "path": None} for image in GOOD["image"]]
    dataset = load(data_dir=write(folder, GOOD | {"image": structs}))
    np.testing.assert_array_equal(dataset.train.features, PICTURES)


@pytest.mark.parametrize("label_type", [pa.int8(), pa.uint8(), pa.int32(), pa.int64(), pa.uint64()])
def test_integer_labels_of_any_width_become_int32(folder, label_type):
    table = pa.table(GOOD | {"label": pa.array([1, 0, 1, 0], label_type)})
    labels = load(data_dir=write(folder, table)).train.labels
    assert labels.dtype == np.int32
    assert labels.tolist() == [1, 0, 1, 0]


def test_texts_become_token_ids_of_the_training_vocabulary(folder):
    write(folder, GOOD_TEXT, {"text": ["good unseen"], "label": [1]})
    dataset = load(data_dir=folder, max_length=3)
    assert dataset.kind == "text"
    assert dataset.vocabulary == ("<pad>", "<unk>", "bad", "film", "good", "a")
    assert dataset.test.features.tolist() == [[4, 1, 0]]
    assert dataset.train.features[2].tolist() == [2, 2, 3]


def test_the_vocabulary_is_that_of_the_training_texts_alone(folder):
    write(folder, GOOD_TEXT, {"text": ["unseen"] * 9, "label": [1] * 9})
    assert "unseen" not in (load(data_dir=folder).vocabulary or ())


@pytest.mark.parametrize(("name", "length"), [("ag_news", 64), ("imdb", 256), (None, 256)])
def test_the_default_length_goes_with_the_name(folder, name, length):
    assert load(name, data_dir=write(folder, GOOD_TEXT)).train.features.shape == (4, length)


def test_lengths_and_sizes_that_make_no_sense_are_refused(folder):
    write(folder, GOOD_TEXT)
    with pytest.raises(UserError, match="max_length is 0"):
        load(data_dir=folder, max_length=0)
    with pytest.raises(UserError, match="vocab_size is 2"):
        load(data_dir=folder, vocab_size=2)


@pytest.mark.parametrize("inside", [True, False])
def test_class_names_stand_in_or_beside_the_folder(folder, inside):
    names = {"mine": ["cat", "dog", "eel"], "other": ["x"]}
    place = folder if inside else folder.parent
    (place / "labels.json").write_text(json.dumps(names))
    assert load(data_dir=write(folder, GOOD)).class_names == ("cat", "dog", "eel")
    assert load("third", data_dir=folder).class_names == ("0", "1")


def test_a_relative_folder_has_a_name_too(folder, monkeypatch):
    write(folder, GOOD)
    monkeypatch.chdir(folder)
    assert load(data_dir=".").name == "mine"


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.integers(0, 99))
def test_pixels_are_those_of_the_encoded_image(height, width, channels, seed):
    pixels = noise(2, height, width, channels, seed=seed)
    images = [encoded(image.squeeze(-1) if channels == 1 else image) for image in pixels]
    np.testing.assert_array_equal(decode(images, "here"), pixels)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("P", 3)])
def test_grey_and_colour_images_of_every_lossless_mode_are_read(mode, channels):
    image = Image.fromarray(PICTURES[0]).convert(mode)
    pixels = decode([encoded(PICTURES[0], mode=mode)], "here")
    expected = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    np.testing.assert_array_equal(pixels[0].squeeze(), expected)
    assert pixels.shape == (1, 5, 6, channels)


# Whatever is wrong


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_file(folder, split):
    write(folder, GOOD)
    (folder / f"{split}.parquet").unlink()
    assert f"{folder}/{split}.parquet is missing" in complaint(folder)


def test_a_missing_folder(tmp_path):
    assert "nowhere/train.parquet is missing" in complaint(tmp_path / "nowhere")


def test_a_file_truncated_anywhere(folder):
    path = write(folder, GOOD_TEXT) / "train.parquet"
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        assert re.search(
            r"train\.parquet is damaged \(.+\): fetch or write it again", complaint(folder)
        )


def test_a_file_with_damaged_pages(folder):
    path = write(folder, GOOD_TEXT) / "test.parquet"
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    path.write_bytes(content)
    assert "test.parquet is damaged" in complaint(folder)


def test_another_kind_of_file(folder):
    write(folder, GOOD)
    (folder / "train.parquet").write_text("image,label\n")
    assert "train.parquet is damaged" in complaint(folder)


@pytest.mark.parametrize(
    "columns",
    [
        {"image": GOOD["image"]},
        {"label": [0, 1]},
        {"img": GOOD["image"], "label": [0, 1, 1, 0]},
        GOOD | GOOD_TEXT,
    ],
)
def test_columns_that_do_not_fit(folder, columns):
    message = complaint(write(folder, columns))
    assert f"train.parquet has the columns {', '.join(columns)}" in message
    assert "image or text" in message


def test_a_column_that_stands_twice(folder):
    images = pa.array(GOOD["image"])
    table = pa.table([images, images, pa.array(GOOD["label"])], names=["image", "image", "label"])
    assert "has the columns image, image, label" in complaint(write(folder, table))


def test_a_file_without_rows(folder):
    empty = pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int32())})
    assert "test.parquet has no rows" in complaint(write(folder, GOOD_TEXT, empty))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array([0.0, 1.0, 1.0, 0.0]), "column label is double"),
        (pa.array(["0", "1", "1", "0"]), "column label is string"),
        (pa.array([True, False, True, False]), "column label is bool"),
        (pa.array([0, 1, None, 0]), "row 2: the label is null"),
        (pa.array([0, 1, 0, -1]), "row 3: the label is -1"),
        (pa.array([1, 2, 3, 1]), "labels up to 3 but none is 0"),
        (pa.array([0, 2, 0, 2]), "labels up to 2 but none is 1"),
        (pa.array([0, 2**40, 0, 1]), f"row 1: the label is {2**40}"),
        (pa.array([0, 2**63 + 5, 0, 1], pa.uint64()), f"row 1: the label is {2**63 + 5}"),
    ],
)
def test_labels_that_do_not_fit(folder, labels, expected):
    message = complaint(write(folder, GOOD | {"label": labels}))
    assert "train.parquet" in message
    assert expected in message


def test_a_label_of_the_test_set_that_training_has_not(folder):
    message = complaint(write(folder, GOOD, GOOD | {"label": [0, 1, 2, 0]}))
    assert "test.parquet, row 2: the label is 2, outside 0 .. 1" in message


def test_a_label_beyond_the_class_names(folder):
    (folder / "labels.json").write_text('{"mine": ["only one"]}')
    assert "train.parquet, row 1: the label is 1, outside 0 .. 0" in complaint(write(folder, GOOD))


@pytest.mark.parametrize("content", ['{"mine": ', '{"mine": []}', '{"mine": [1, 2]}', '["a", "b"]'])
def test_class_names_of_another_form(folder, content):
    (folder / "labels.json").write_text(content)
    assert "labels.json" in complaint(write(folder, GOOD))


def with_image(row: int, image: bytes | None) -> dict:
    images = list(GOOD["image"])
    images[row] = image
    return GOOD | {"image": images}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (b"", "the image is damaged"),
        (b"not an image", "the image is damaged"),
        (GOOD["image"][0][:60], "the image is damaged"),
        (None, "the image is null"),
        (encoded(noise(1, 5, 7, 3)[0]), "the image is 5x7x3, the first one 5x6x3"),
        (encoded(noise(1, 5, 6)[0]), "the image is 5x6x1, the first one 5x6x3"),
        (encoded(noise(1, 5, 6, 4)[0]), "the image has mode RGBA"),
        (encoded(np.zeros((5, 6), np.uint16)), "the image has mode I;16"),
    ],
)
@pytest.mark.parametrize("row", [1, 3])
def test_an_image_that_does_not_fit(folder, image, expected, row):
    message = complaint(write(folder, GOOD, with_image(row, image)))
    assert f"test.parquet, row {row}: {expected}" in message


def decoded_or_refused(content: bytes) -> np.ndarray | str:
    try:
        return decode([content], "here")
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP"])
def test_an_image_truncated_anywhere_is_refused_or_whole(format):
    content = encoded(PICTURES[0], format)
    whole = decode([content], "here")
    results = [decoded_or_refused(content[:length]) for length in range(len(content))]
    refusals = [result for result in results if isinstance(result, str)]
    assert len(refusals) > len(content) // 2
    assert all("here, row 0: the image is damaged" in refusal for refusal in refusals)
    for result in results:
        if isinstance(result, np.ndarray):
            np.testing.assert_array_equal(result, whole)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (GOOD | {"image": ["a", "b", "c", "d"]}, "column image is string"),
        (GOOD | {"image": [{"path": "a.png"}] * 4}, "column image is struct<path: string>"),
        (GOOD_TEXT | {"text": [b"a", b"b", b"c", b"d"]}, "column text is binary"),
        (GOOD_TEXT | {"text": ["a", None, "b", "c"]}, "row 1: the text is null"),
    ],
)
def test_features_that_do_not_fit(folder, columns, expected):
    assert expected in complaint(write(folder, columns))


def test_text_that_is_not_utf8(folder):
    text = pa.array([b"good", b"\xff\xfe", b"bad", b"film"]).view(pa.string())
    assert "train.parquet is damaged (" in complaint(write(folder, GOOD_TEXT | {"text": text}))


@pytest.mark.parametrize("test", [GOOD_TEXT, GOOD | {"image": [encoded(noise(1, 9, 9, 3)[0])] * 4}])
def test_a_test_set_of_another_form_than_the_training_set(folder, test):
    message = complaint(write(folder, GOOD, test))
    assert "train.parquet images of 5x6x3" in message
