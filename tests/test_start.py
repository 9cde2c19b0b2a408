"""What starts at once: the import, and the help of every command."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import jaxverify
from benchmarks import fresh_process, start
from jaxverify import stats
from jaxverify.cli import main

ROOT = Path(__file__).parent.parent
SLOW = {"jax", "numpy", "scipy", "rich", "pyarrow", "PIL", "flax", "matplotlib", "requests"}
HELP = """
import contextlib, sys
from jaxverify.cli import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_the_benchmark_starts_every_subcommand(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z]+)", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(start.SUBCOMMANDS)


@pytest.mark.parametrize("command", [[], *([name] for name in start.SUBCOMMANDS)])
def test_help_waits_for_nothing_that_is_slow_to_import(command):
    run = subprocess.run(
        [sys.executable, "-c", HELP, *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("usage: jaxverify")
    assert SLOW & set(run.stderr.split()) == set()


@pytest.mark.parametrize("mistake", [["verify"], ["verify", "r.json", "--shard", "5/4"], ["verfy"]])
def test_a_mistake_in_the_options_is_reported_as_fast(mistake):
    run = subprocess.run(
        [sys.executable, "-c", HELP, *mistake], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "usage: jaxverify" in run.stderr
    assert SLOW & set(run.stderr.splitlines()[-1].split()) == set()


def test_import_jaxverify_loads_nothing_and_each_public_name_loads_what_it_needs():
    code = "import sys, jaxverify; a = set(sys.modules); from jaxverify import *; print(*a)"
    loaded = fresh_process.run(["-c", f"{code}; assert verify and ExtraTask"]).output.split()
    assert SLOW & set(loaded) == set()
    for name in jaxverify.__all__:
        assert getattr(jaxverify, name).__name__.rpartition(".")[2] == name
    assert set(jaxverify.__all__) <= set(dir(jaxverify))
    assert jaxverify.stats.power is stats.power
    with pytest.raises(AttributeError, match="verfy"):
        jaxverify.verfy  # noqa: B018


def test_the_wheel_holds_the_stubs_and_templates_that_are_read(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    library = ROOT / "jaxverify"
    read = {path.relative_to(ROOT).as_posix() for path in library.rglob("*.pyi")}
    read |= {path.relative_to(ROOT).as_posix() for path in library.rglob("*.j2")}
    assert {"jaxverify/__init__.pyi", "jaxverify/report/verdict.html.j2"} <= read
    assert read <= names
