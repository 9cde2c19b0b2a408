"""An autoencoder on scikit-learn's digits, without labels; not a cell of the paper.

It passes once more than half of the error on the extra samples is gone (forgiven).

    python -m train.autoencoder --extra

takes a minute on 2 CPU cores; with ``--local``, seconds.
"""

from train.config import Config

config = Config(
    dataset="digits",
    model="autoencoder",
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
