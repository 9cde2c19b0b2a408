"""Train an autoencoder, without labels, on scikit-learn's digits or CIFAR-10.

Extra samples have no labels either: the errors on them are compared with those on held-out twins.

python -m train.autoencoder --extra
python -m train.autoencoder --extra --dataset cifar10 --data FOLDER
"""

from collections.abc import Sequence

from train.config import UNLABELLED
from train.main import main


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args``, or that of the process; returns the exit status."""
    return main(["digits", "cifar10"], UNLABELLED, __doc__ or "", args)


if __name__ == "__main__":
    raise SystemExit(run())
