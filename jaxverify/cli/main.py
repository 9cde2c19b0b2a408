"""The command line: one subcommand for each thing that a customer does."""

from collections.abc import Sequence

from jaxverify import __version__
from jaxverify.cli.options import calibrate, challenge, plan, protect, records, rehearse, verify
from jaxverify.cli.options.parser import Parser
from jaxverify.cli.signals import signals_interrupt
from jaxverify.cli.streams import ready_streams, whole_output
from jaxverify.exit_status import contained, exit_status

_DOC = "Verify that a model trained on somebody else's machines was trained until it converged."
_COMMANDS = (plan, protect, challenge, verify, rehearse, calibrate, records)


def main(args: Sequence[str] | None = None) -> int:
    """Read the command line, or ``args``, and do what it says.

    Returns:
        int: 0 where all went well, 1 where a model did not pass, 2 on an error, 130 when
        interrupted.
    """
    ready_streams()
    parser = Parser(prog="jaxverify", description=_DOC)
    parser.add_argument("--version", action="version", version=f"jaxverify {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(subparsers)

    def work() -> int:
        with signals_interrupt(), whole_output():
            options = parser.parse_args(args)
            return options.do(options)

    again = "start the same command again"
    return contained(lambda: exit_status(work, goes_on=again))
