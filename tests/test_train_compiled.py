"""Where compiled programs are kept."""

import jax
import pytest

from train.compiled import OPTION, keep_compiled_programs


@pytest.fixture
def no_folder(monkeypatch, tmp_path):
    """JAX as a user's process finds it, whose home is ``tmp_path``."""
    before = getattr(jax.config, OPTION)
    jax.config.update(OPTION, None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    jax.config.update(OPTION, before)


def test_on_a_cpu_nothing_is_kept(no_folder, tmp_path):
    assert keep_compiled_programs() is None
    assert getattr(jax.config, OPTION) is None
    assert not list(tmp_path.iterdir())


def test_on_a_gpu_programs_are_kept_under_the_users_cache_folder(no_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    folder = tmp_path / "cache/jaxverify/compiled"
    assert keep_compiled_programs() == folder
    assert getattr(jax.config, OPTION) == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_jax_was_told_of_stays(no_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    jax.config.update(OPTION, str(tmp_path / "mine"))
    assert keep_compiled_programs() == tmp_path / "mine"
    assert getattr(jax.config, OPTION) == str(tmp_path / "mine")


def test_where_the_folder_cannot_be_made_nothing_is_kept(no_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    (tmp_path / "cache").write_text("a file")
    assert keep_compiled_programs() is None
    assert getattr(jax.config, OPTION) is None
