"""Work that is imported when it is done, so that help and mistakes need not wait for JAX."""

import argparse
from collections.abc import Callable
from importlib import import_module


def later(module: str, function: str = "run") -> Callable[[argparse.Namespace], int]:
    """What a subcommand does, by its name.

    Args:
        module: in ``jaxverify.cli``, and imported when the subcommand is run.
        function: of that module; takes the parsed options and returns an exit status.
    """
    return lambda options: getattr(import_module(f"jaxverify.cli.{module}"), function)(options)
