"""The tutorial's commands and programs, run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text()


def run_section(title: str, folder: Path) -> str:
    """What the blocks of a section print, one after the other in one folder."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{title}\n")]
    blocks = re.findall(r"```(python|sh)\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "COLUMNS": "200",
    }
    said = []
    for language, code in blocks:
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        said.append(run.stdout)
    return "".join(said)


@pytest.mark.slow
def test_the_walk_with_a_table_ends_as_it_says(tmp_path):
    said = run_section("A table", tmp_path)
    verdicts = re.findall(r"^ *(PASS|FAIL|INCONCLUSIVE) *$", said, re.MULTILINE)
    assert verdicts[0] == "PASS"
    assert verdicts[1] != "PASS"
    assert said.rstrip().endswith("not passed")
    page = (tmp_path / "report.html").read_text()
    assert "<strong>PASS</strong>" in page


@pytest.mark.slow
def test_the_walk_with_images_ends_as_it_says(tmp_path):
    said = run_section("Images", tmp_path)
    assert re.findall(r"^ *(PASS|FAIL|INCONCLUSIVE) *$", said, re.MULTILINE) == ["PASS"]
