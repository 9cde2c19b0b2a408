"""The layout of the house: imports point one way, and each heavy library has one door."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("jaxverify", "train", "configs", "benchmarks")
FILES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
PROTECT = (
    *("features", "fill", "image_tree", "npz", "parquet_folder", "parts", "rows", "survey"),
    *("tables", "tfds_folder", "upload"),
)
GRADIENTS = sorted((ROOT / "jaxverify" / "gradients").glob("*.py"))
CORE = [
    *("errors", "decimals", "samples", "keys", "extra_task", "generators", "generation", "mixing"),
    *("stats", "natural", "plan"),
    *(path.relative_to(ROOT / "jaxverify").with_suffix("").as_posix() for path in GRADIENTS),
]


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
        ("orbax", ["jaxverify/runs.py", "train/checkpoint.py"]),
        ("tensorflow_datasets", ["jaxverify/data/tfds.py", "jaxverify/data/tfds_folder.py"]),
        ("jax.sharding", ["train/mesh.py"]),
        ("jax.experimental.multihost_utils", ["train/processes.py"]),
        ("multiprocessing", ["benchmarks/workers.py", "train/supervisor.py"]),
        (
            "pyarrow",
            [
                "jaxverify/data/parquet.py",
                "jaxverify/data/parquet_writing.py",
                "jaxverify/data/external_sort.py",
                "jaxverify/challenge/real_samples.py",
                "jaxverify/challenge/writing.py",
                "jaxverify/predictors/file.py",
                *(f"jaxverify/protect/{name}.py" for name in PROTECT),
                "benchmarks/export_run.py",
                "benchmarks/protect_run.py",
            ],
        ),
        ("onnxruntime", ["jaxverify/predictors/onnx.py"]),
        (
            "torch",
            [
                "jaxverify/predictors/pytorch.py",
                *(f"benchmarks/{name}_torch.py" for name in ("per_example", "train_step")),
                "benchmarks/torch_models.py",
            ],
        ),
        (
            "matplotlib",
            [
                *(
                    "train/curve.py",
                    "train/reproduction/pictures.py",
                    "train/theorem/drawing.py",
                    "train/clouds/pictures.py",
                ),
                *(
                    "jaxverify/report/planning.py",
                    "jaxverify/report/html.py",
                    "benchmarks/pictures.py",
                ),
            ],
        ),
    ],
)
def test_each_heavy_library_is_imported_by_its_doors_alone(package, doors):
    assert importers(package) == set(doors)


def test_nobody_imports_tensorflow():
    assert importers("tensorflow") == set()


def test_the_library_never_imports_the_scripts():
    assert all(
        path.startswith(("train/", "configs/", "benchmarks/")) for path in importers("train")
    )


@pytest.mark.parametrize("room", ["flax", "jaxverify.models", "jaxverify.layers", "jaxverify.data"])
def test_the_core_imports_no_flax_and_no_room_above_it(room):
    core = {f"jaxverify/{name}.py" for name in CORE} | {"jaxverify/verification.py"}
    assert importers(room) & core == set()
    assert not any(path.startswith("jaxverify/stats/") for path in importers(room))


def test_gradients_alone_opens_the_ghost_room_and_only_when_asked():
    outside = {path for path in importers("jaxverify.gradients.ghost") if "/ghost/" not in path}
    assert outside == {"jaxverify/gradients/norms.py"}
    top = ast.parse((ROOT / "jaxverify" / "gradients" / "norms.py").read_text()).body
    at_import = [ast.unparse(node) for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("ghost" in line for line in at_import)


def test_models_import_nothing_of_ours_but_layers_and_errors():
    for path in (ROOT / "jaxverify" / "models").glob("*.py"):
        ours = {name for name in imported(path) if name.startswith(("jaxverify.", "train"))}
        allowed = ("jaxverify.layers", "jaxverify.errors", "jaxverify.models")
        assert all(name.startswith(allowed) for name in ours)


def test_the_options_of_a_command_need_the_standard_library_alone():
    ours = {"jaxverify.cli.options", "jaxverify.record.shard"}
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
