"""resnet34 on CIFAR-100.

Table 1 of the paper: 70.19% test accuracy without the extra task.

    python -m train.cifar --extra --dataset cifar100

takes minutes on a large GPU, days on 2 CPU cores; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="cifar100",
    model="resnet34",
    epochs=200,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="cosine",
    warmup_epochs=1,
    weight_decay=5e-4,
    augment="crop_flip",
)

# For two cores: what trains CIFAR-10 to the end, for half as long again, since sixteen epochs leave
# many training samples unlearned (study "length" of train.reproduce).
CPU = {"epochs": 24, "augment": "flip"}
# As for CIFAR-10; not yet tried.
GPU = {"epochs": 40}
LOCAL = {"epochs": 2, "train_samples": 512, "test_samples": 256, "eval_batch_size": 256}
