"""A folder of images for the tests of what is kept of it, and a home for the user's cache."""

import io
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jaxverify.data import decoded, images, parquet

PICTURES = np.random.default_rng(0).integers(0, 256, (60, 6, 7, 3), np.uint8)
LABELS = np.arange(60, dtype=np.int32) % 3


def encoded(picture: np.ndarray, format: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format)
    return buffer.getvalue()


JPEG = [encoded(picture) for picture in PICTURES]


def write(folder: Path, contents=JPEG, files=("train", "test")) -> Path:
    folder.mkdir(exist_ok=True)
    for file in files:
        table = pa.table({"image": pa.array(contents, pa.binary()), "label": LABELS})
        pq.write_table(table, folder / f"{file}.parquet")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """Every file is large enough to be kept, and the user's cache is a folder of the test."""
    monkeypatch.setattr(decoded, "SMALLEST", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path) -> Path:
    return write(tmp_path / "mine")


@pytest.fixture
def decodings(monkeypatch) -> list[str]:
    """The files that were decoded, in their order."""
    calls = []

    def decode(encoded, source):
        calls.append(Path(source).stem)
        return images.decode(encoded, source)

    monkeypatch.setattr(parquet, "decode", decode)
    return calls


def kept_in(place: Path) -> dict[str, Path]:
    """The files that are kept in a place, by the stem of the one they are of; nothing else is."""
    files = {}
    for path in place.iterdir():
        match = re.fullmatch(r"(\w+)-[0-9a-f]{64}\.npy", path.name)
        assert match
        assert match[1] not in files
        files[match[1]] = path
    return files


def private(home: Path) -> Path:
    (folder,) = (home / "cache" / "jaxverify" / "decoded").iterdir()
    return folder


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
