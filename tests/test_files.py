"""Files and folders: whole or not there, never over what must stay, nothing left behind."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxverify import UserError
from jaxverify.files.if_killed import if_killed
from jaxverify.files.outputs import check_output
from jaxverify.files.whole import new_file, new_folder, remove_partial_folders, write_whole

ROOT = Path(__file__).parent.parent


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_the_umask_is_respected_and_a_mode_that_is_asked_for_too(tmp_path):
    with new_file(tmp_path / "usual") as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    with new_file(tmp_path / "own", 0o600):
        pass
    write_whole(tmp_path / "whole", b"")
    with new_folder(tmp_path / "folder") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_bytes(b"")
    with new_folder(tmp_path / "private", 0o600):
        pass
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        "usual": 0o640,
        "own": 0o600,
        "whole": 0o640,
        "folder": 0o750,
        "folder/inner": 0o750,
        "folder/inner/file": 0o640,
        "private": 0o700,
    }


def test_a_symbolic_link_stays_one_and_what_it_points_to_is_written(tmp_path):
    target, link, dangling = (tmp_path / name for name in ("target", "link", "dangling"))
    target.write_text("old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "new")
    write_whole(link, b"new")
    with new_file(dangling) as file:
        file.write(b"made")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert dangling.is_symlink()
    assert (tmp_path / "new").read_text() == "made"
    for each in (link, dangling):
        with pytest.raises(UserError, match="exists already"), new_file(each):
            pass
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(UserError), new_file(tmp_path / "a"):
        pass


def test_what_is_no_regular_file_is_never_written_over(tmp_path):
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, message in ((pipe, "no regular file"), (folder, "is a folder")):
        with pytest.raises(UserError, match=message):
            write_whole(path, b"")
    with pytest.raises(UserError, match="no regular file"):
        write_whole(Path(os.devnull), b"")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_what_must_stay_stays_also_where_forced_and_under_another_name(tmp_path):
    kept, hard, soft = (tmp_path / name for name in ("record.json", "hard", "soft"))
    kept.write_text("{}")
    os.link(kept, hard)
    soft.symlink_to(kept)
    for path in (kept, hard, soft, tmp_path / ".." / tmp_path.name / "record.json"):
        with pytest.raises(UserError, match="must stay as it is"):
            check_output(path, force=True, never=[kept])
    ledger = tmp_path / "record.json.ledger"  # not there yet
    with pytest.raises(UserError, match="must stay as it is"):
        check_output(ledger, force=True, never=[ledger])
    check_output(tmp_path / "page.html", force=True, never=[kept])
    (tmp_path / "other.json").write_text('{\n "format": "jaxverify record",')
    (tmp_path / "other.json.ledger").write_text("{}")
    for other in ("other.json", "other.json.ledger"):
        with pytest.raises(UserError, match="a record or its ledger"):
            check_output(tmp_path / other, force=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere/x", "is no folder"), ("file/x", "is no folder"), ("file", "exists already")],
)
def test_where_nothing_can_be_written_is_said_before(name, message, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=message):
        check_output(tmp_path / name)
    with pytest.raises(UserError, match="cannot be written"):
        check_output(tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path):
    path = tmp_path / ("é" * 127)
    write_whole(path, b"1")
    with new_folder(tmp_path / ("x" * 255)):
        pass
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("unnamed", [True, False])
def test_an_exception_leaves_the_old_file_and_nothing_else(unnamed, tmp_path, monkeypatch):
    if not unnamed:
        monkeypatch.setattr("jaxverify.files.whole._UNNAMED", None)
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with new_file(tmp_path / "other") as file:
            file.write(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    write_whole(path, b"newer")
    assert path.read_text() == "newer"
    assert os.listdir(tmp_path) == ["file"]


WAITING = """
import sys, time
from pathlib import Path
from jaxverify.files.whole import new_file, new_folder
with {what}(Path(sys.argv[1])) as place:
    {write}
    print("ready", flush=True)
    time.sleep(60)
"""
WRITES = {
    "new_file": "place.write(b'x' * 100_000)",
    "new_folder": "(place / 'x').write_text('x')",
}


def killed(code: str, path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)


def left(folder: Path) -> list[str]:
    """What is there, once it no longer changes."""
    deadline = time.monotonic() + 10
    while os.listdir(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return os.listdir(folder)


@pytest.mark.parametrize("what", sorted(WRITES))
def test_a_process_that_is_killed_leaves_nothing(what, tmp_path):
    killed(WAITING.format(what=what, write=WRITES[what]), tmp_path / "out")
    assert left(tmp_path) == []


def test_what_was_left_of_a_folder_is_removed_but_not_one_that_is_being_filled(
    tmp_path, monkeypatch
):
    with new_folder(tmp_path / "out"):
        (old,) = tmp_path.iterdir()
        left = tmp_path / old.name.replace(old.name.split(".")[-2], "0123")
        left.mkdir()
        (left / "x").write_text("x")
        remove_partial_folders(str(tmp_path / "out"))
        assert not left.exists()
        assert old.exists()
    assert os.listdir(tmp_path) == ["out"]


def test_where_the_block_is_left_the_line_is_not_run(tmp_path):
    with if_killed('echo x > "$1"', tmp_path / "a"):
        pass
    with pytest.raises(ZeroDivisionError), if_killed('echo x > "$1"', tmp_path / "b"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
