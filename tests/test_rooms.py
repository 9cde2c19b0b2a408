"""The layout of the house, where import-linter (see pyproject.toml) cannot see it."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("jaxverify", "train", "configs", "benchmarks")
FILES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]


@cache
def imported(path: Path) -> set[str]:
    """Every module that a file imports, also inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def importers(package: str) -> set[str]:
    """The files in which ``package`` or a part of it is imported."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if any(name == package or name.startswith(f"{package}.") for name in imported(path))
    }


@pytest.mark.parametrize(
    ("package", "doors"),
    [
        ("jax.sharding", ["train/mesh.py"]),
        ("jax.experimental.multihost_utils", ["train/processes.py"]),
    ],
)
def test_each_part_of_jax_for_many_devices_has_one_door(package, doors):
    assert importers(package) == set(doors)


def test_gradients_alone_opens_the_ghost_room_and_only_when_asked():
    outside = {path for path in importers("jaxverify.gradients.ghost") if "/ghost/" not in path}
    assert outside == {"jaxverify/gradients/norms.py"}
    top = ast.parse((ROOT / "jaxverify" / "gradients" / "norms.py").read_text()).body
    at_import = [ast.unparse(node) for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("ghost" in line for line in at_import)


def test_the_options_of_a_command_need_the_standard_library_alone():
    ours = {"jaxverify.cli.options", "jaxverify.record.shard", "jaxverify.task.options"}
    ours |= {"jaxverify.verification.families", "jaxverify.printable"}
    for path in (ROOT / "jaxverify" / "cli" / "options").glob("*.py"):
        for name in imported(path):
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names or any(name.startswith(each) for each in ours)


def test_import_jaxverify_brings_in_no_heavy_library():
    heavy = "flax orbax tensorflow tensorflow_datasets pyarrow matplotlib sklearn rich PIL"
    loaded = f"[n for n in {heavy.split()} if n in sys.modules]"
    everything = "from jaxverify import *; from jaxverify.stats import *"  # each is loaded
    code = f"import sys, jaxverify.gradients; {everything}; print({loaded})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400
