"""resnet34 on CIFAR-10.

Table 1 of the paper: 92.23% test accuracy without the extra task.

    python -m train.cifar --extra

takes minutes on a large GPU, days on 2 CPU cores; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="cifar10",
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

# For two cores: by the study "recipes" of train.reproduce it trains CIFAR-10 to the end.
CPU = {"epochs": 16, "augment": "flip"}
# For some minutes of a GPU, by the time of its steps; not yet tried.
GPU = {"epochs": 40}
LOCAL = {"epochs": 2, "train_samples": 512, "test_samples": 256, "eval_batch_size": 256}
