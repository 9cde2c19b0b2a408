"""The command line: one subcommand for each thing that a customer does."""

import argparse
from collections.abc import Sequence

from jaxverify.cli.options import calibrate, challenge, plan, protect, records, rehearse, verify
from jaxverify.exit_status import exit_status

_DOC = "Verify that a model trained on somebody else's machines was trained until it converged."
_COMMANDS = (plan, protect, challenge, verify, rehearse, calibrate, records)


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, or ``args``, and do what it says.

    Returns:
        int: 0 where all went well, 1 where a model did not pass, 2 on an error, 130 when
        interrupted.
    """
    parser = argparse.ArgumentParser(prog="jaxverify", description=_DOC)
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(subparsers)
    options = parser.parse_args(args)
    return exit_status(lambda: options.do(options), goes_on="start the same command again")
