"""A set that TFDS has prepared: its training split protected, and TFDS reads what comes out."""

import json
from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds
from customer_files import WORDS, encoded, noise

from jaxverify import DataError
from jaxverify.protect import protect
from jaxverify.record.record import load
from tests.customer_files import split_options

SECRET = bytes(range(32))
LABEL = tfds.features.ClassLabel(names=["cat", "dog", "cow"])
SPLITS = {"train": 90, "test": 20}


def photos(path, rows):
    for i in range(rows):
        file = path / f"{i}.png"
        file.write_bytes(encoded(noise(8, 9, 3, seed=i)))
        yield {
            "image": str(file),
            "label": i % 3,
            "id": f"photo-{i * 37 % 1000:04d}",
            "weight": 0.5,
        }


def texts(path, rows):
    rng = np.random.default_rng(0)
    for i in range(rows):
        yield {"text": " ".join(rng.choice(WORDS, 40)) + " café", "label": i % 3}


FEATURES = {
    photos: {
        "image": tfds.features.Image(shape=(8, 9, 3)),
        "label": LABEL,
        "id": tfds.features.Text(),
        "weight": tfds.features.Scalar(np.float32),
    },
    texts: {"text": tfds.features.Text(), "label": LABEL},
}


def prepare(folder, rows, features=None, file_format="array_record", splits=SPLITS):
    """What a builder of the customer's own writes, in three files a split."""

    class Small(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.2.0")
        BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="large"),)

        def _info(self):
            described = tfds.features.FeaturesDict(features or FEATURES[rows])
            return tfds.core.DatasetInfo(builder=self, description="", features=described)

        def _split_generators(self, dl_manager):
            return {name: self._generate_examples(n) for name, n in splits.items()}

        def _generate_examples(self, n):
            files = folder / f"files{n}"
            files.mkdir(parents=True)
            return enumerate(rows(files, n))

    config = tfds.download.DownloadConfig(num_shards=3)
    builder = Small(data_dir=folder)
    builder.download_and_prepare(download_config=config, file_format=file_format)
    return folder / "small" / "large" / "1.2.0"


def samples(path, split):
    source = tfds.builder_from_directory(str(path)).as_data_source(split)
    return [{k: v.tobytes() if k == "image" else v for k, v in sample.items()} for sample in source]


def raw(path):
    """The serialized samples of the training split."""
    form = tfds.decode.DeserializeMethod.RAW_BYTES
    source = tfds.builder_from_directory(str(path)).as_data_source("train", deserialize_method=form)
    return source.__getitems__(range(len(source)))


def protected(tmp_path, data, **options):
    out, record = tmp_path / "out", tmp_path / "record.json"
    return (
        protect(
            data,
            out,
            record,
            force=True,
            **split_options(**{"secret": SECRET, "eta": 0.2, **options}),
        ),
        out,
        load(record),
    )


@pytest.mark.parametrize("rows", [photos, texts])
def test_tfds_reads_every_sample_and_the_extra_ones(rows, tmp_path):
    data = prepare(tmp_path / "data", rows)
    done, out, record = protected(tmp_path, data)
    name = "image" if rows is photos else "text"
    before, after = (
        Counter((s[name], s["label"]) for s in samples(p, "train")) for p in (data, out)
    )
    extra = record.samples()
    contents = (
        [pixels.tobytes() for pixels in extra.features]
        if rows is photos
        else [text.encode() for text in record.rendering.render(extra.features)]
    )
    labels = [int(record.class_names[label]) for label in extra.labels]
    assert after - before == Counter(zip(contents, labels, strict=True))
    assert not before - after
    assert done.num_written == 108
    assert samples(data, "test") == samples(out, "test")


def test_name_config_version_and_files_stay_and_the_numbers_are_the_new_ones(tmp_path):
    data = prepare(tmp_path / "data", photos)
    _, out, _ = protected(tmp_path, data)
    assert {p.name for p in out.iterdir()} == {p.name for p in data.iterdir()}
    for file in data.iterdir():
        if "train" not in file.name and file.name != "dataset_info.json":
            assert (out / file.name).read_bytes() == file.read_bytes()
    infos = [json.loads((path / "dataset_info.json").read_text()) for path in (data, out)]
    lengths = [{s["name"]: s.pop("shardLengths") for s in info["splits"]} for info in infos]
    sizes = [{s["name"]: s.pop("numBytes") for s in info["splits"]} for info in infos]
    assert infos[0] == infos[1]
    assert lengths[0]["test"] == lengths[1]["test"]
    assert sizes[0]["test"] == sizes[1]["test"]
    for old, new in zip(lengths[0]["train"], lengths[1]["train"], strict=True):
        assert abs(int(new) - 1.2 * int(old)) < 1
    builder = tfds.builder_from_directory(str(out))
    assert builder.info.full_name == "small/large/1.2.0"
    assert builder.info.splits["train"].num_examples == 108
    assert builder.info.splits["train"].num_bytes == sum(map(len, raw(out)))


def test_nothing_but_its_features_marks_an_extra_sample(tmp_path):
    data = prepare(tmp_path / "data", photos)
    _, out, _ = protected(tmp_path, data)
    found = samples(out, "train")
    assert len({s["id"] for s in found}) == 108
    assert all(len(s["id"]) == 10 for s in found)
    assert {s["weight"] for s in found} == {np.float32(0.5)}
    names = sorted(FEATURES[photos])
    for record in raw(out):  # the fields are in one order
        places = [record.index(b"\n" + bytes([len(name)]) + name.encode()) for name in names]
        assert places == sorted(places)


def test_sets_that_cannot_be_protected_are_named(tmp_path):
    data = prepare(tmp_path / "data", photos, splits={"test": 20})
    with pytest.raises(DataError, match="has no split called train"):
        protected_error(tmp_path, data)
    several = FEATURES[texts] | {"boxes": tfds.features.Tensor(shape=(2,), dtype=np.int64)}

    def rows(path, n):
        return ({**row, "boxes": [1, 2]} for row in texts(path, n))

    data = prepare(tmp_path / "boxes", rows, several)
    with pytest.raises(DataError, match="feature boxes is not one value a sample"):
        protected_error(tmp_path, data)
    data = prepare(tmp_path / "format", texts)
    info = data / "dataset_info.json"
    content = info.read_text()
    info.write_text(content.replace("array_record", "tfrecord"))
    with pytest.raises(
        DataError, match="stored as tfrecord, which only TensorFlow writes: convert"
    ):
        protected_error(tmp_path, data)
    info.write_text(content[:-5])
    with pytest.raises(DataError, match="is damaged"):
        protected_error(tmp_path, data)
    info.write_text(content)
    for file in data.glob("*train*"):
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="is damaged"):
        protected_error(tmp_path, data)


def protected_error(tmp_path, data):
    before = sorted(tmp_path.iterdir())
    try:
        protected(tmp_path, data)
    finally:
        assert sorted(tmp_path.iterdir()) == before
