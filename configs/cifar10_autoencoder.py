"""An autoencoder on CIFAR-10, without labels; not a cell of the paper.

    python -m train.autoencoder --extra --dataset cifar10

takes hours on 2 CPU cores; with ``--local``, about a minute. With ``--train-samples 2000
--test-samples 1000`` it takes minutes.
"""

from train.config import Config

config = Config(
    dataset="cifar10",
    model="autoencoder",
    epochs=200,
    batch_size=128,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=0.0,
    eval_every=10,
)

LOCAL = {
    "epochs": 20,
    "train_samples": 1_000,
    "test_samples": 500,
    "eval_batch_size": 500,
    "eta": 0.05,
}
