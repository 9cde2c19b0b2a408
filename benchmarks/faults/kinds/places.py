"""Outputs that cannot be where they were asked to be."""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.faults import bases
from benchmarks.faults.scenario import Base, Scenario

_Prepare = Callable[[Path], object]


def _nothing(folder: Path) -> None:
    pass


def _a_file(folder: Path) -> None:
    (folder / "occupied").write_text("x")


def _a_dangling_link(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere/at-all")


def _a_link_to_nothing_beside(folder: Path) -> None:
    (folder / "link").symlink_to("not-there")


def _a_link_to_data(folder: Path) -> None:
    (folder / "link").symlink_to("right.csv")


def _a_loop(folder: Path) -> None:
    (folder / "link").symlink_to("link")


def _a_folder(folder: Path) -> None:
    (folder / "folder").mkdir()


def _a_full_folder(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "folder" / "mine.txt").write_text("mine")


def _an_old_report(folder: Path) -> None:
    for name in ("old-report.html", "old-report.json", "old-report.png", "old-report.csv"):
        (folder / name).write_text("an old report")


def _a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _no_writing(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o555)


def _no_entering(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o000)


# What is given in the place of the output, with {} for its suffix.
_PLACES: dict[str, tuple[str, _Prepare]] = {
    "in a missing folder": ("missing/new{}", _nothing),
    "in a file": ("occupied/new{}", _a_file),
    "a file that is there": ("old-report{}", _an_old_report),
    "a dangling link": ("link", _a_dangling_link),
    "a dangling link with the suffix": ("link{}", lambda f: (f / "link.csv").symlink_to("gone/x")),
    "a link to nothing beside it": ("link", _a_link_to_nothing_beside),
    "a link to other data": ("link", _a_link_to_data),
    "a link to itself": ("link", _a_loop),
    "a folder": ("folder", _a_folder),
    "a folder with a file in it": ("folder", _a_full_folder),
    "this folder": (".", _nothing),
    "the folder above": ("..", _nothing),
    "nothing": ("", _nothing),
    "a slash at the end": ("new/", _nothing),
    "the null device": ("/dev/null", _nothing),
    "the full device": ("/dev/full", _nothing),
    "the output stream": ("/dev/stdout", _nothing),
    "in proc": ("/proc/new{}", _nothing),
    "in sys": ("/sys/new{}", _nothing),
    "a named pipe": ("pipe", _a_pipe),
    "a null byte": ("a\0b{}", _nothing),
    "a very long name": ("x" * 300 + "{}", _nothing),
    "a long name": ("x" * 245 + "{}", _nothing),
    "a very long path": ("x/" * 3000 + "new{}", _nothing),
    "in a folder that may not be written": ("locked/new{}", _no_writing),
    "in a folder that may not be entered": ("locked/new{}", _no_entering),
    "a hidden name": (".new{}", _nothing),
    "a minus": ("-", _nothing),
    "a home folder": ("~nobody/new{}", _nothing),
    "another suffix": ("new.exe", _nothing),
    "two dots": ("missing/../new{}", _nothing),
}
_SUFFIXES = {
    "--html": ".html",
    "--in-toto": ".json",
    "--picture": ".png",
    "--record": ".json",
    "--cache": ".jsonl",
}


def with_output(rng: Random) -> tuple[Base, str]:
    """A command, and one of its options for outputs."""
    make = rng.choice(
        [
            bases.protect,
            bases.challenge,
            bases.calibrate,
            lambda r: bases.verify(r, reports=True),
            lambda r: bases.ask(r, cache=True),
            bases.plan,
        ]
    )
    base = make(rng)
    options = [option for option in bases.OUTPUTS if option in base.command]
    if not options:  # of plan
        base = Base(base.project, (*base.command, "--picture", "power.png"))
        options = ["--picture"]
    return base, rng.choice(options)


def outputs(rng: Random) -> Scenario:
    """An output where none can be."""
    base, option = with_output(rng)
    name, (place, prepare) = rng.choice(list(_PLACES.items()))
    suffix = _SUFFIXES.get(option) or Path(base.of(option)).suffix
    value = place.format(suffix)
    # One string, so that a value which begins with a minus is one.
    words = tuple(w for w in base.given(option, value) if w != value or not value.startswith("-"))
    if value.startswith("-"):
        words = tuple(f"{w}={value}" if w == option else w for w in words)
    return Scenario("outputs", f"{option} is {name}", base, words, prepare)


def same_file(rng: Random) -> Scenario:
    """An output that is something which is read, or another output."""
    base, option = with_output(rng)
    there = ["record.json", "record.json.ledger", "right.csv", "data", "questions"]
    named = [*there, *[word for word in base.command[1:] if "." in word and word[0].isalpha()]]
    named += [base.of(o) for o in bases.OUTPUTS if o in base.command and o != option]
    target = rng.choice(named)
    target = {"data": bases.DATA[base.project], "questions": "questions.csv"}.get(target, target)
    spelled = rng.choice(["{}", "./{}", "../project/{}", "{}/", "hard-link", "soft-link"])

    def prepare(folder: Path) -> None:
        if (folder / target).is_file():
            os.link(folder / target, folder / "hard-link")
        (folder / "soft-link").symlink_to(target)

    words = base.given(option, spelled.format(target))
    return Scenario("same_file", f"{option} is {target} as {spelled}", base, words, prepare)


def full_disk(rng: Random) -> Scenario:
    """No file may be larger than some bytes."""
    base = rng.choice([with_output(rng)[0], bases.verify(rng)])
    size = rng.choice([0, 1, 10, 100, 500, 1000, 2000, 4096, 10_000, 20_000])
    variant = f"{base.command[0]}: files of at most {size} bytes"
    return Scenario("full_disk", variant, base, base.command, largest_file=size)


def permissions(rng: Random) -> Scenario:
    """A file or folder that may not be read or written."""
    base = bases.any_of(rng)
    ends = (".json", ".jsonl", ".csv", ".parquet", ".npz", "photos")
    read = [word for word in base.command[1:] if word.endswith(ends) and "/" not in word]
    target = rng.choice([*read, ".", "record.json.ledger", bases.DATA[base.project]])
    # The folder itself can at least be entered, or nothing would run in it.
    modes = [0o555, 0o111, 0o333] if target == "." else [0o000, 0o200, 0o400, 0o444, 0o555, 0o111]
    mode = rng.choice(modes)

    def prepare(folder: Path) -> None:
        if target == "record.json.ledger" and not (folder / target).exists():
            (folder / target).touch()
        if (folder / target).exists():
            (folder / target).chmod(mode)

    return Scenario("permissions", f"{target} is {mode:o}", base, base.command, prepare)


def no_links(rng: Random) -> Scenario:
    """A file system without hard links."""
    base, _ = with_output(rng)
    return Scenario("no_links", base.command[0], base, base.command, no_links=True)
