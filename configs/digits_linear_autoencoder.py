"""A linear autoencoder on scikit-learn's digits, without labels; not a cell of the paper.

It has no room to memorise noise, so its verdict is no power, however long it is trained.

    python -m train.autoencoder --extra --model linear_autoencoder

takes a minute on 2 CPU cores; with ``--local``, seconds.
"""

from train.config import Config

config = Config(
    dataset="digits",
    model="linear_autoencoder",
    epochs=100,
    batch_size=64,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="cosine",
    weight_decay=0.0,
    eval_every=5,
    eval_batch_size=360,
    eta=0.08,
)

LOCAL = {"epochs": 40, "train_samples": 400, "test_samples": 160, "eval_batch_size": 160}
