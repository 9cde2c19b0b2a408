"""resnet34_cifar on CIFAR-100: a stem of 3x3 in the place of ImageNet's.

Table 1 of the paper has 70.19% for resnet34, by whose size the stem is ImageNet's.

    python -m train.cifar --extra --dataset cifar100 --model resnet34_cifar

has been run on no GPU yet; on 2 CPU cores with ``--local``, it takes minutes.
"""

from dataclasses import replace

from configs import cifar100_resnet34

config = replace(cifar100_resnet34.config, model="resnet34_cifar")

LOCAL = {
    **cifar100_resnet34.LOCAL,
    "train_samples": 256,
    "test_samples": 128,
    "eval_batch_size": 128,
}
