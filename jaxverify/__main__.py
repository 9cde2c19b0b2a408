"""``python -m jaxverify`` is the command ``jaxverify``."""

import os
from typing import NoReturn

_INTERRUPTED = 130


def run() -> NoReturn:
    """Run the command line, and end with its exit status."""
    try:
        from jaxverify.cli import main

        status = main()
    except KeyboardInterrupt:  # before or after it could be dealt with
        status = _INTERRUPTED
    if status == _INTERRUPTED:  # what was interrupted may not be fit for Python's orderly end
        os._exit(status)
    raise SystemExit(status)


if __name__ == "__main__":
    run()
