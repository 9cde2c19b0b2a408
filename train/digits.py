"""Train the small convnet on scikit-learn's digits: no download, a minute on a CPU.

python -m train.digits --extra
"""

from collections.abc import Sequence

from train.main import main


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args``, or that of the process; returns the exit status."""
    return main(["digits"], ["digits_cnn"], __doc__ or "", args)


if __name__ == "__main__":
    raise SystemExit(run())
