"""Keep programs compiled for a GPU or TPU for the next run.

Compiling and tuning those of a large network takes longer than many of its epochs. On a CPU it
takes seconds, and a program made for one processor may abort on another that shares the folder.
"""

import os
from pathlib import Path

import jax

OPTION = "jax_compilation_cache_dir"


def keep_compiled_programs() -> Path | None:
    """Have JAX keep compiled programs under the user's cache folder; before it compiles any.

    A folder that JAX was told of before, as by ``JAX_COMPILATION_CACHE_DIR``, stays.

    Returns:
        Path: the folder, or None where nothing is kept: on a CPU, or where it cannot be made.
    """
    if jax.default_backend() == "cpu":
        return None
    told = getattr(jax.config, OPTION)
    if told:
        return Path(told)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder / "jaxverify" / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update(OPTION, str(folder))
    return folder
