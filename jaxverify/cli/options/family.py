"""The option that says which family the model is of."""

import argparse

from jaxverify.verification.families import FAMILIES


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--family", choices=FAMILIES, default="unknown", metavar="FAMILY", help=_FAMILY
    )


_FAMILY = f"""\
the kind of model that will be trained, on which it depends what a verdict is worth:
{", ".join(FAMILIES)} (%(default)s)"""
