"""The README tells the truth: its Python runs, its links and its commands exist."""

import re
from pathlib import Path

import pytest

from jaxverify.data import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


def test_the_python_of_the_readme_protects_and_verifies(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    asked = []

    def ask_the_model(features):
        asked.append(features.shape)
        return [0] * len(features)

    names = {"train": load("digits").train, "ask_the_model": ask_the_model}
    exec(code, names)
    assert asked == [(12, 8, 8, 1)]
    assert len(names["upload"].labels) == len(names["train"].labels) + 12
    assert capsys.readouterr().out.startswith(names["verdict"].outcome)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_is_there(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


def test_every_script_of_the_readme_is_there():
    scripts = set(re.findall(r"python -m (train\.\w+)", README))
    assert len(scripts) >= 4
    assert all((ROOT / f"{script.replace('.', '/')}.py").exists() for script in scripts)
