"""Train an mlp on a table, scikit-learn's breast cancer data: no download, a minute on a CPU.

python -m train.tabular --extra
"""

from collections.abc import Sequence

from train.main import main


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args``, or that of the process; returns the exit status."""
    return main(["breast_cancer"], ["mlp"], __doc__ or "", args)


if __name__ == "__main__":
    raise SystemExit(run())
