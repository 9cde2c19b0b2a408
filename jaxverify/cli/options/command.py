"""A subcommand: its options are known at once, its work is imported when it is run."""

import argparse
from importlib import import_module


def add_command(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    help: str,
    description: str,
    module: str | None = None,
    function: str = "run",
) -> argparse.ArgumentParser:
    """Add a subcommand, so that its help and mistakes in its options need not wait for JAX.

    Args:
        subparsers: of the command.
        name: of the subcommand.
        help: its line in the help of the command.
        description: the head of its own help, shown as it stands.
        module: in ``jaxverify.cli``, does the work; without it the one called like the subcommand.
        function: of that module; takes the parsed options and returns an exit status.
    """
    parser = subparsers.add_parser(
        name,
        help=help,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def do(options: argparse.Namespace) -> int:
        return getattr(import_module(f"jaxverify.cli.{module or name}"), function)(options)

    parser.add_argument("--quiet", action="store_true", help="print nothing but errors and JSON")
    parser.set_defaults(do=do)
    return parser
