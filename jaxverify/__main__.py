"""``python -m jaxverify`` is the command ``jaxverify``."""

from jaxverify.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
