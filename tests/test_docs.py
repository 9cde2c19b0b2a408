"""The pages tell the truth: their Python runs, their links and their commands exist."""

import doctest
import importlib
import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.console import Console

import jaxverify
from jaxverify.data import load
from jaxverify.runs import load_key, load_model
from tests.devices import on_one_device
from train.config import load_config
from train.loop import train

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text())


def names_in(page: str) -> set[str]:
    """Every name of ours that a page has between backticks, such as ``jaxverify.stats.power``."""
    code = re.findall(r"`([^`\n]+)`", BLOCK.sub("", (ROOT / page).read_text()))
    return {name for each in code for name in re.findall(r"\bjaxverify(?:\.[a-z_A-Z]\w*)+", each)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which the README's run was trained, for a moment."""
    folder = tmp_path_factory.mktemp("docs")
    place = folder / "runs" / "digits-digits_cnn-extra-s0"
    config = replace(load_config("digits", "digits_cnn"), extra=True, stop_epoch=1, workdir=place)
    with on_one_device():
        train(config, Console(quiet=True))
    return folder


def test_the_python_of_the_readme_protects_verifies_and_reads_a_run(run, capsys, monkeypatch):
    monkeypatch.chdir(run)
    asked = []

    def ask_the_model(features):
        asked.append(features.shape)
        return [0] * len(features)

    names = {"train": load("digits").train, "ask_the_model": ask_the_model}
    protecting, reading = blocks("README.md")
    exec(protecting, names)
    assert asked == [(12, 8, 8, 1)]
    assert len(names["upload"].labels) == len(names["train"].labels) + 12
    assert capsys.readouterr().out.startswith(names["verdict"].outcome)
    exec(reading, names)
    assert names["verdict"].setting.num_samples == load_model(names["run"]).task.num_samples


def test_the_python_of_theorem_and_unlabelled_runs(run, monkeypatch):
    monkeypatch.chdir(run)
    folder = Path("runs/digits-digits_cnn-extra-s0")
    model, key = load_model(folder), load_key(folder)
    test = load("digits").test
    names = {
        "jaxverify": jaxverify,
        "model": model,
        "key": key,
        "task": model.task,
        "some_clean": jaxverify.Samples(*(array[:50] for array in test)),
        "extra_samples": jaxverify.generate(key, model.task),
        "num_clean": 1442,
        "num_extra": model.task.num_samples,
        "predict": partial(jax.jit(model.apply), model.variables),
        "reconstruct": lambda features: np.full(features.shape, 127.5),
        "features": test.features,
        "labels": test.labels,
    }
    for page in ("docs/theorem.md", "docs/unlabelled.md"):
        for block in blocks(page):
            exec(block, names)
    assert names["verdict"].outcome in ("PASS", "NO POWER")


def test_no_other_page_has_python_that_no_test_runs():
    """The tutorial's is run by test_tutorial."""
    run = {"README.md", "docs/theorem.md", "docs/unlabelled.md", "docs/tutorial.md"}
    assert {page for page in PAGES if blocks(page)} == run


@pytest.mark.parametrize("page", PAGES)
def test_every_example_with_a_prompt_gives_what_it_says(page):
    text = BLOCK.sub("", (ROOT / page).read_text())
    assert (
        doctest.DocTestRunner()
        .run(doctest.DocTestParser().get_doctest(text, {}, page, page, 0))
        .failed
        == 0
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_ours_on_a_page_is_there_after_import_jaxverify(page):
    code = "import jaxverify\n" + "\n".join(sorted(names_in(page)))
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_is_there(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


def test_every_script_of_the_readme_is_there():
    scripts = set(re.findall(r"python -m (train\.\w+)", README))
    assert len(scripts) >= 4
    for script in scripts:
        module = importlib.import_module(script)
        name = f"{script}.__main__" if hasattr(module, "__path__") else script
        assert importlib.util.find_spec(name) is not None
