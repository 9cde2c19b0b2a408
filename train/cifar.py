"""Train on CIFAR-10 or CIFAR-100 with resnet34 or vgg11.

python -m train.cifar --extra --dataset cifar100 --model vgg11
"""

from train.main import main

if __name__ == "__main__":
    raise SystemExit(main(["cifar10", "cifar100"], ["resnet34", "vgg11"], __doc__ or ""))
