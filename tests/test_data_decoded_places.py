"""Where decoded images are kept, and who may read them there."""

import os
import stat
from pathlib import Path

import image_folder
import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from image_folder import JPEG, everything, kept_in, private, write

from jaxverify.data import images, load, parquet
from jaxverify.protect import protect
from jaxverify.protect.export import export
from tests.customer_files import split_options

# Fixtures are known by the names that they have here.
folder, home, decodings = image_folder.folder, image_folder.home, image_folder.decodings


# Where it may be kept


def read_only(folder: Path) -> None:
    folder.chmod(0o555)  # which binds root only because we look


def file_in_the_way(folder: Path) -> None:
    (folder / ".decoded").write_text("mine")


def link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.mkdir()
    for file in ("train.parquet", "test.parquet"):
        (folder / file).symlink_to(elsewhere / file)


@pytest.mark.parametrize("obstacle", [read_only, file_in_the_way, link])
def test_what_cannot_be_kept_beside_the_data_is_kept_in_the_users_cache(
    folder, home, decodings, obstacle
):
    obstacle(folder)
    before = everything(folder.parent)
    first, second = load(data_dir=folder), load(data_dir=folder)
    assert first.fingerprint == second.fingerprint
    assert len(decodings) == 2
    folder.chmod(0o755)
    new = everything(folder.parent) - before
    assert all(path == home or home in path.parents for path in new)
    assert sorted(kept_in(private(home))) == ["test", "train"]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in new}
    assert set(modes.values()) == {0o700, 0o600}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())


def test_folders_of_the_same_name_have_each_its_own_in_the_users_cache(tmp_path, home, decodings):
    folders = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        folders.append(write(tmp_path / place / "mine", JPEG if place == "a" else JPEG[::-1]))
        file_in_the_way(folders[-1])
    for folder in folders * 2:
        load(data_dir=folder)
    assert len(decodings) == 4
    assert len(list((home / "cache" / "jaxverify" / "decoded").iterdir())) == 2


def test_in_the_users_cache_old_pixels_are_removed_too(folder, home, decodings):
    file_in_the_way(folder)
    load(data_dir=folder)
    write(folder, JPEG[::-1])
    load(data_dir=folder)
    assert len(decodings) == 4
    assert sorted(kept_in(private(home))) == ["test", "train"]
    (folder / ".decoded").unlink()
    write(folder, JPEG)
    load(data_dir=folder)
    assert kept_in(private(home)) == {}  # kept beside the data now
    assert sorted(kept_in(folder / ".decoded")) == ["test", "train"]


@pytest.mark.parametrize("cache", ["in the way", "relative/path"])
def test_what_cannot_be_kept_anywhere_is_decoded_each_time_silently(
    folder, home, decodings, monkeypatch, capfd, cache
):
    file_in_the_way(folder)
    monkeypatch.chdir(folder)
    if cache == "in the way":
        home.write_text("mine")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
    before = everything(folder.parent)
    for _ in range(2):
        np.testing.assert_array_equal(
            load(data_dir=folder).train.features, images.decode(JPEG, "here")
        )
    assert len(decodings) == 4
    assert everything(folder.parent) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o644, 0o644), (0o600, 0o600), (0o440, 0o440), (0o755, 0o644)]
)
def test_the_mode_is_that_of_the_data_without_execution(folder, mode, expected):
    for path in folder.iterdir():
        path.chmod(mode)
    load(data_dir=folder)
    for path in kept_in(folder / ".decoded").values():
        assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o640, 0o600), (0o644, 0o644), (0o664, 0o644), (0o604, 0o600), (0o600, 0o600)],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_of_another_group_the_mode_lets_nobody_read_them_who_may_not_read_the_file(
    folder, mode, expected
):
    path = folder / "train.parquet"
    os.chown(path, -1, folder.stat().st_gid + 1)
    path.chmod(mode)
    load(data_dir=folder)
    assert stat.S_IMODE(kept_in(folder / ".decoded")["train"].stat().st_mode) == expected


# In nobody's way


def test_only_load_keeps_pixels(folder, tmp_path):
    before = everything(folder)
    samples = list(parquet.iter_samples(folder / "train.parquet"))
    export(jax.random.key(0), samples, samples, tmp_path / "exported.parquet")
    assert everything(folder) == before


def test_a_folder_with_kept_pixels_is_read_and_protected_as_without(folder, tmp_path):
    secret = split_options(secret=bytes(range(32)), eta=0.2, force=True)
    protect(folder, tmp_path / "without", tmp_path / "without.json", **secret)
    table = pq.read_table(folder)
    load(data_dir=folder)
    assert kept_in(folder / ".decoded")
    assert pq.read_table(folder).equals(table)
    assert sorted(path.name for path in folder.glob("*.parquet")) == [
        "test.parquet",
        "train.parquet",
    ]
    protect(folder, tmp_path / "with", tmp_path / "with.json", **secret)
    for path in everything(tmp_path / "without"):
        other = tmp_path / "with" / path.relative_to(tmp_path / "without")
        assert other.read_bytes() == path.read_bytes()
    assert len(everything(tmp_path / "with")) == len(everything(tmp_path / "without"))
