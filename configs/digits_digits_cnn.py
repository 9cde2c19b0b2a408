"""A small convnet on scikit-learn's digits; not a cell of the paper.

The set is small, so eta is larger than the paper's .8%, which would make 12 extra samples.

    python -m train.digits --extra

takes a minute on 2 CPU cores; with ``--local``, about a minute.
"""

from train.config import Config

config = Config(
    dataset="digits",
    model="digits_cnn",
    epochs=60,
    batch_size=64,
    optimizer="adamw",
    learning_rate=1e-3,
    schedule="constant",
    weight_decay=0.0,
    eval_every=1,
    eval_batch_size=360,
    eta=0.08,
    labels="balanced",
)

LOCAL = {"epochs": 3, "train_samples": 400, "test_samples": 160, "eval_batch_size": 160}
