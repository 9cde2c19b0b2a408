"""vgg11 on CIFAR-10.

Table 1 of the paper: 89.20% test accuracy without the extra task.

    python -m train.cifar --extra --model vgg11

takes minutes on a large GPU, days on 2 CPU cores; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="cifar10",
    model="vgg11",
    epochs=200,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.05,
    schedule="cosine",
    weight_decay=5e-4,
    augment="crop_flip",
)

# For two cores. The study "recipes" of train.reproduce tried it on a fifth of CIFAR-10; under SGD
# it takes more epochs until it knows the extra task.
CPU = {"epochs": 12, "augment": "none", "optimizer": "adamw", "learning_rate": 5e-4}
# For some minutes of a GPU, by the time of its steps; not yet tried.
GPU = {"epochs": 120}
LOCAL = {"epochs": 2, "train_samples": 512, "test_samples": 256, "eval_batch_size": 256}
