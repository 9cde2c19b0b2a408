"""TFDS sets without TensorFlow, from small archives of the official layout."""

import csv
import functools
import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.download.checksums import UrlInfo
from tensorflow_datasets.core.utils import Size

from jaxverify.data import load
from jaxverify.data.tfds import _BUILDERS
from jaxverify.errors import DataError

Row = dict[str, Any]

RETRIES = downloader.MAX_RETRIES


class Official(NamedTuple):
    """A set as TFDS knows it, and a small archive of its layout with what it holds."""

    tfds_name: str
    archive_name: str
    files: Callable[[], tuple[dict[str, bytes], dict[str, list[Row]]]]


def cifar(label_names: dict[str, tuple[str, list[str]]], parts: dict[str, list[str]], prefix: str):
    """The files of an archive of CIFAR: records of a byte per label and three planes."""
    rng = np.random.default_rng(0)
    files, rows = {f"{prefix}readme.html": b"<html>"}, {}
    for file, names in label_names.values():
        files[prefix + file] = ("\n".join(names) + "\n\n").encode()
    for split, names in parts.items():
        rows[split] = []
        for name in names:
            content = b""
            for _ in range(3):
                image = rng.integers(0, 256, (32, 32, 3), np.uint8)
                labels = {key: int(rng.integers(len(n))) for key, (_, n) in label_names.items()}
                content += bytes(labels.values()) + image.transpose(2, 0, 1).tobytes()
                identity = f"{split}_{len(rows[split]):05d}".encode()
                rows[split].append({"id": identity, "image": image, **labels})
            files[f"{prefix}{name}.bin"] = content
    return files, rows


def cifar10():
    names = [f"class{i}" for i in range(10)]
    parts = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    return cifar({"label": ("batches.meta.txt", names)}, parts, "cifar-10-batches-bin/")


def cifar100():
    label_names = {
        "coarse_label": ("coarse_label_names.txt", [f"coarse{i}" for i in range(20)]),
        "label": ("fine_label_names.txt", [f"fine{i}" for i in range(100)]),
    }
    return cifar(label_names, {"train": ["train"], "test": ["test"]}, "cifar-100-binary/")


def imdb():
    files = {"aclImdb/README": b"", "aclImdb/imdb.vocab": b"the", "aclImdb/train/urls_neg.txt": b""}
    rows: dict[str, list[Row]] = {"train": [], "test": [], "unsupervised": []}
    for split in ("train", "test"):
        for label, folder in enumerate(("neg", "pos")):
            for i in range(3):
                text = f"{split} {folder} film number {i}, caf\u00e9.<br /><br />Fin"
                files[f"aclImdb/{split}/{folder}/{i}_{9 * label + 1}.txt"] = f" {text}\n".encode()
                rows[split].append({"text": text.encode(), "label": label})
    files["aclImdb/train/unsup/0_0.txt"] = b"neither"
    rows["unsupervised"].append({"text": b"neither", "label": -1})
    return files, rows


def ag_news():
    files, rows = {"ag_news_csv/classes.txt": b"World\n", "ag_news_csv/readme.txt": b""}, {}
    for split, n in (("train", 8), ("test", 4)):
        table = io.StringIO()
        rows[split] = []
        for i in range(n):
            title, description = f'Title {i}, "{split}"', f"caf\u00e9 {i} \\$5"
            csv.writer(table, quoting=csv.QUOTE_ALL).writerow([i % 4 + 1, title, description])
            example = {"title": title.encode(), "description": description.encode()}
            rows[split].append(example | {"label": i % 4})
        files[f"ag_news_csv/{split}.csv"] = table.getvalue().encode()
    return files, rows


SETS = {
    "cifar10": Official("cifar10", "cifar-10-binary.tar.gz", cifar10),
    "cifar100": Official("cifar100", "cifar-100-binary.tar.gz", cifar100),
    "imdb": Official("imdb_reviews", "aclImdb_v1.tar.gz", imdb),
    "ag_news": Official("ag_news_subset", "ag_news_csv.tar.gz", ag_news),
}
every_set = pytest.mark.parametrize("name", SETS)


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo(next(iter(files)).split("/")[0])
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


class World(NamedTuple):
    """Where archives and prepared sets are, what stands for each host, and what it was asked."""

    archives: Path
    tfds_dir: Path
    hosts: dict[str, str]
    requests: list[str]


class Host(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, asked: list[str], **options: Any) -> None:
        self.asked = asked
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        self.asked.append(Path(self.path).name)
        super().do_GET()

    def end_headers(self) -> None:  # as Google Drive does for a file, and not for a page
        self.send_header("Content-Disposition", f'attachment; filename="{Path(self.path).name}"')
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def record_checksum(patch: pytest.MonkeyPatch, name: str, archive: Path) -> None:
    """Puts the checksum of the small archive where TFDS keeps that of the real one."""
    registry = _BUILDERS[SETS[name].tfds_name].url_infos
    ((url, official),) = registry.items()
    content = archive.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    info = UrlInfo(Size(len(content)), digest, official.filename)
    patch.setitem(registry, url, info)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Small archives, on a loopback host that stands for all the hosts of the internet."""
    archives = tmp_path / "archives"
    archives.mkdir()
    asked: list[str] = []
    host = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Host, directory=archives, asked=asked)
    )
    threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
    hosts = {}
    for name, official in SETS.items():
        archive = archives / official.archive_name
        write_archive(archive, official.files()[0])
        record_checksum(monkeypatch, name, archive)
        (url,) = _BUILDERS[official.tfds_name].url_infos
        hosts[url] = f"http://127.0.0.1:{host.server_port}/{official.archive_name}"
    get = requests.Session.get
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(
        requests.Session, "get", lambda self, url, **options: get(self, hosts[url], **options)
    )
    yield World(archives, tmp_path / "tfds", hosts, asked)
    host.shutdown()
    host.server_close()


def official_source(name: str, tfds_dir: Path) -> Any:
    return tfds.data_source(
        SETS[name].tfds_name,
        data_dir=tfds_dir,
        download=False,
        builder_kwargs={"file_format": "array_record"},
    )


def canonical(row: Row) -> tuple:
    return tuple(
        (key, value.tobytes() if key == "image" else value) for key, value in sorted(row.items())
    )


def complaint(name: str, **options: Any) -> str:
    with pytest.raises(DataError) as failure:
        load(name, **options)
    message = str(failure.value)
    assert "\n" not in message
    return message


@every_set
def test_the_official_data_source_reads_what_we_prepare_equal_to_the_archive(name, world):
    load(name, tfds_dir=world.tfds_dir)
    source = official_source(name, world.tfds_dir)
    expected = SETS[name].files()[1]
    assert set(source) == set(expected)
    for split, rows in expected.items():
        assert sorted(map(canonical, source[split])) == sorted(map(canonical, rows))


@every_set
def test_what_we_load_is_what_the_official_data_source_holds(name, world):
    dataset = load(name, tfds_dir=world.tfds_dir)
    source = official_source(name, world.tfds_dir)
    for split, samples in (("train", dataset.train), ("test", dataset.test)):
        assert [row["label"] for row in source[split]] == samples.labels.tolist()
        assert samples.labels.dtype == np.int32
        if dataset.kind == "image":
            images = np.stack([row["image"] for row in source[split]])
            np.testing.assert_array_equal(samples.features, images)
    names = source["train"].dataset_info.features["label"].names
    assert (dataset.name, dataset.class_names) == (name, tuple(names))


def test_the_text_of_ag_news_is_title_and_description(world):
    dataset = load("ag_news", tfds_dir=world.tfds_dir)
    assert dataset.vocabulary is not None
    words = [[dataset.vocabulary[i] for i in row if i] for row in dataset.train.features]
    assert sorted(words)[0] == ["title", "0", "train", "caf\u00e9", "0", "5"]
    assert dataset.train.features.shape == (8, 64)
    assert dataset.class_names == ("World", "Sports", "Business", "Sci/Tech")


@every_set
def test_name_version_features_and_address_are_the_official_ones(name, tmp_path):
    tfds_name = SETS[name].tfds_name
    ours = _BUILDERS[tfds_name](data_dir=tmp_path)
    official = tfds.builder(tfds_name, data_dir=tmp_path)
    assert ours.info.full_name == official.info.full_name
    assert str(ours.info.features) == str(official.info.features)
    assert ours.url_infos == official.url_infos
    assert tfds.builder_cls(tfds_name) is type(official)  # ours has not taken its place
    (info,) = ours.url_infos.values()
    assert info.filename == SETS[name].archive_name


@every_set
def test_an_archive_is_downloaded_once_and_a_prepared_set_needs_none(name, world):
    first = load(name, tfds_dir=world.tfds_dir)
    (world.archives / SETS[name].archive_name).unlink()
    second = load(name, tfds_dir=world.tfds_dir)
    assert first.fingerprint == second.fingerprint
    assert world.requests == [SETS[name].archive_name]


@every_set
def test_an_archive_at_hand_is_used_instead_of_downloading(name, world):
    dataset = load(name, tfds_dir=world.tfds_dir, manual_dir=world.archives)
    assert len(dataset.train.labels) == len(SETS[name].files()[1]["train"])
    assert world.requests == []


@every_set
def test_a_missing_archive_is_named(name, world, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    message = complaint(name, tfds_dir=world.tfds_dir, manual_dir=empty)
    assert f"{empty} has no {SETS[name].archive_name}" in message
    assert next(iter(_BUILDERS[SETS[name].tfds_name].url_infos)) in message
    assert world.requests == []


@every_set
@pytest.mark.parametrize("at_hand", [True, False])
def test_an_archive_whose_sha256_is_not_the_one_on_record_is_refused(name, at_hand, world):
    archive = world.archives / SETS[name].archive_name
    (info,) = _BUILDERS[SETS[name].tfds_name].url_infos.values()
    archive.write_bytes(archive.read_bytes() + b"\0")
    manual_dir = world.archives if at_hand else None
    message = complaint(name, tfds_dir=world.tfds_dir, manual_dir=manual_dir)
    assert archive.name in message
    assert info.checksum in message
    assert "--manual-dir" in message
    assert not list(world.tfds_dir.glob("*/**/dataset_info.json"))


@every_set
def test_a_host_that_has_no_such_file_is_named_with_the_ways_out(name, world):
    (world.archives / SETS[name].archive_name).unlink()
    message = complaint(name, tfds_dir=world.tfds_dir)
    (url,) = _BUILDERS[SETS[name].tfds_name].url_infos
    assert f"cannot download {url} (" in message
    assert "404" in message
    assert SETS[name].archive_name in message
    assert "--manual-dir" in message
    assert "--data" in message


def test_without_a_network_the_address_is_named_with_the_ways_out(world):
    (url,) = _BUILDERS["cifar10"].url_infos
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # nobody listens: a connection is refused at once
        world.hosts[url] = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        message = complaint("cifar10", tfds_dir=world.tfds_dir)
    assert f"cannot download {url} (ConnectionError: " in message
    assert "refused" in message
    assert "--manual-dir" in message
    assert downloader.MAX_RETRIES == RETRIES  # what is TFDS's own is left as it was


def test_a_set_prepared_for_tensorflow_alone_is_said_to_be_one(world):
    load("ag_news", tfds_dir=world.tfds_dir)
    (info,) = world.tfds_dir.glob("**/dataset_info.json")
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    message = complaint("ag_news", tfds_dir=world.tfds_dir)
    assert f"{info.parent} cannot be read (NotImplementedError: " in message
    assert "array_record" in message


@every_set
@pytest.mark.parametrize("damage", ["removed", "truncated", "overwritten"])
def test_a_damaged_prepared_set_is_named_and_can_be_removed(name, damage, world):
    load(name, tfds_dir=world.tfds_dir)
    (shard,) = world.tfds_dir.glob(f"{SETS[name].tfds_name}/**/*-test.array_record-*")
    content = shard.read_bytes()
    shard.unlink()
    if damage != "removed":
        half = content[: len(content) // 2]
        shard.write_bytes(half if damage == "truncated" else half + bytes(len(content) - len(half)))
    assert f"{shard.parent} cannot be read" in complaint(name, tfds_dir=world.tfds_dir)
    shutil.rmtree(shard.parent)
    load(name, tfds_dir=world.tfds_dir)


def test_a_folder_that_cannot_be_written_is_named(world):
    world.tfds_dir.write_text("a file where a folder should be")
    message = complaint("imdb", tfds_dir=world.tfds_dir)
    assert f"{world.tfds_dir}/imdb_reviews" in message
    assert "cannot be written" in message


def run_beside_a_trap(code: str, trap: Path) -> subprocess.CompletedProcess[bytes]:
    """Runs ``code`` where importing TensorFlow leaves the file ``sprung`` in ``trap``."""
    package = trap / "tensorflow" / "__init__.py"
    package.parent.mkdir(parents=True, exist_ok=True)
    package.write_text(f"open({str(trap / 'sprung')!r}, 'w').close()\nraise ImportError('trap')")
    root = Path(__file__).parents[1]
    path = os.pathsep.join(map(str, (trap, root, root / "tests")))
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)


def test_tensorflow_is_never_imported(world, tmp_path):
    code = f"""
from pathlib import Path
import pytest
from test_data_tfds import SETS, load, record_checksum
archives = Path({str(world.archives)!r})
with pytest.MonkeyPatch.context() as patch:
    for name, official in SETS.items():
        record_checksum(patch, name, archives / official.archive_name)
        print(load(name, tfds_dir={str(world.tfds_dir)!r}, manual_dir=archives).name)
"""
    run = run_beside_a_trap(code, tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert all(name in run.stdout.decode().split() for name in SETS)
    assert not (tmp_path / "sprung").exists()
    run_beside_a_trap("import tensorflow", tmp_path)
    assert (tmp_path / "sprung").exists()  # so the trap does work
