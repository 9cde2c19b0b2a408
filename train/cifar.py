"""Train on CIFAR-10 or CIFAR-100 with resnet34, resnet34_cifar or vgg11.

python -m train.cifar --extra --dataset cifar100 --model vgg11
"""

from collections.abc import Sequence

from train.main import main


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args``, or that of the process; returns the exit status."""
    models = ["resnet34", "resnet34_cifar", "vgg11"]
    return main(["cifar10", "cifar100"], models, __doc__ or "", args)


if __name__ == "__main__":
    raise SystemExit(run())
